"""Who may have which flag, why one is not there, and what it costs to ask."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rinzler.errors import PluginError
from rinzler.plugins import plugin_options, why_no_option


def options(declared: str) -> str:
    """The source of a light module with one option, declared as "every: int = 1"."""
    name, _, default = declared.partition(" = ")
    return (
        "from dataclasses import dataclass, field\n"
        "from pathlib import Path\n"
        "@dataclass(frozen=True)\n"
        "class Options:\n"
        f"    {name} = field(default={default}, metadata={{'help': 'how it is'}})\n"
        "@hookimpl\n"
        "def rinzler_options():\n"
        "    return Options\n"
    )


def test_a_flag_of_the_command_itself_is_refused(site):
    site.install_plugin("run", options("dir: Path | None = None"))
    site.plugins()
    assert plugin_options({"--run-dir", "--steps"}) == []
    report = site.report("run")
    assert report.state == "broken"
    assert report.reason == (
        "--run-dir is a flag of rinzler-train itself; the field 'dir' of Options needs another name"
    )
    assert why_no_option("--run-dir").endswith(report.reason)


def install_logs(site) -> None:
    """Two plugins whose names and fields make one flag."""
    site.install_plugin("log", options("file_every: int = 1"))
    site.install(
        "rinzler-file", {"log-file": "file_plugin"}, {"file_plugin": options("every: int = 1")}
    )


def test_two_plugins_with_one_flag_are_both_left_out_and_both_named(site):
    install_logs(site)
    site.install_plugin("third", options("every: int = 1"))
    site.plugins()
    assert [each.name for each in plugin_options()] == ["third"]
    reports = [site.report(name) for name in ("log", "log-file")]
    assert [each.state for each in reports] == ["duplicate"] * 2
    assert reports[0].reason == (
        "--log-file-every is also a flag of rinzler-file 1.0; uninstall one of them, or keep "
        "one out: RINZLER_BLOCK=rinzler-file"
    )
    assert why_no_option("--log-file-every") == f"plugin log (rinzler-log 1.0): {reports[0].reason}"
    assert why_no_option("--third-evry") == ""


def test_two_entry_points_of_one_name_are_both_left_out(site):
    for distribution in ("one", "two"):
        module = f"{distribution}_plugin"
        site.install(distribution, {"csv": module}, {module: options(f"{distribution}: int = 1")})
    site.plugins()
    assert plugin_options() == []
    assert why_no_option("--csv-one") == (
        "plugin csv (one 1.0): its name is also that of two 1.0; uninstall one of them, or keep "
        "one out: RINZLER_BLOCK=two"
    )


def test_blocking_one_of_two_settles_it(site, monkeypatch):
    install_logs(site)
    monkeypatch.setenv("RINZLER_BLOCK", "rinzler-file")
    site.plugins()
    assert [each.name for each in plugin_options()] == ["log"]
    assert why_no_option("--log-flie-every") == ""
    assert why_no_option("--no-log-file-x") == (
        "plugin log-file (rinzler-file 1.0) is blocked: RINZLER_BLOCK=rinzler-file names it"
    )


def test_strict_refuses_broken_options(site, monkeypatch):
    site.install_plugin("bad", "@hookimpl\ndef rinzler_options():\n    return 7\n")
    site.plugins()
    monkeypatch.setenv("RINZLER_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match=r"bad \(rinzler-bad\): rinzler_options returned 7"):
        plugin_options()


def test_asking_for_options_loads_nothing_that_computes():
    # The command's help page asks: it must not wait for an array library, nor for a probe.
    code = (
        "import sys\n"
        "from rinzler.plugins import plugin_options\n"
        "plugin_options()\n"
        "assert 'pluggy' in sys.modules\n"
        "assert not {'numpy', 'rinzler.ops'} & set(sys.modules), 'too much'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_options_alone_run_no_probe(site):
    site.install(
        "rinzler-dear",
        {"dear": "dear_plugin"},
        {
            "dear_plugin": "@hookimpl\ndef rinzler_backends():\n"
            "    return BackendInfo('dear', 'm:f', probe='dear_probe:look')\n",
            "dear_probe": "def look(): return 'was asked'\n",
        },
    )
    site.plugins()
    assert plugin_options() == []
    assert "dear_probe" not in sys.modules
    assert site.report("dear").reason == "was asked"

"""Dataclasses that become options: what passes, what does not, and who may have which flag."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rinzler.errors import ConfigError, PluginError
from rinzler.plugins import PluginOptions, RunInfo, plugin_options, why_no_option

IMPORTS = "from dataclasses import dataclass, field\nfrom pathlib import Path\n"
HOOK = "@hookimpl\ndef rinzler_options():\n    return Options\n"


def options(*fields: str, frozen: bool = True, check: str = "") -> str:
    """The source of a light module with these fields: "every: int = 1" becomes one with a help."""
    lines = [f"@dataclass(frozen={frozen})", "class Options:"]
    for each in fields:
        name, _, default = each.partition(" = ")
        lines.append(f"    {name} = field(default={default}, metadata={{'help': 'how it is'}})")
    if check:
        lines += ["    def __post_init__(self):", f"        {check}"]
    return IMPORTS + "\n".join([*lines, ""]) + HOOK


FIELDS = (
    "on: bool = False",
    "every: int = 10",
    "rate: float = 1",
    "name: str = ''",
    "path: Path = Path('a')",
    "most: int | None = None",
)


def test_fields_become_flags_under_the_name_of_their_plugin(site):
    site.install_plugin("csv", options(*FIELDS))
    site.plugins()
    (offered,) = plugin_options()
    assert offered.name == "csv"
    assert [(each.field, each.flag, each.hint, each.default) for each in offered.options] == [
        ("on", "--csv-on", bool, False),
        ("every", "--csv-every", int, 10),
        ("rate", "--csv-rate", float, 1),
        ("name", "--csv-name", str, ""),
        ("path", "--csv-path", Path, Path("a")),
        ("most", "--csv-most", int | None, None),
    ]
    assert {each.help for each in offered.options} == {"how it is"}
    report = site.report("csv")
    assert (report.kind, report.state) == ("options", "ready")
    assert report.summary.startswith("adds --csv-on, --csv-every, --csv-rate, ")


def test_underscores_are_hyphens_in_flags(site):
    site.install_plugin("my_log", options("keep_all: bool = False"))
    site.plugins()
    assert plugin_options()[0].flags == ("--my-log-keep-all",)


def test_annotations_may_be_strings(site):
    source = "from __future__ import annotations\n" + options("path: Path | None = None")
    (site.path / "later_plugin.py").write_text(
        source.replace(IMPORTS, IMPORTS + "from rinzler.plugins import hookimpl\n"), "utf-8"
    )
    site.install("rinzler-later", {"later": "later_plugin"}, {})
    site.plugins()
    assert plugin_options()[0].options[0].hint == Path | None


@dataclass(frozen=True)
class Sample:
    every: int = field(default=0, metadata={"help": "steps between rows"})

    def __post_init__(self) -> None:
        if self.every < 0:
            raise ValueError(f"--csv-every is {self.every}, expected 0 or more")


def test_values_become_an_instance_that_has_checked_itself():
    offered = PluginOptions.of("csv", Sample)
    assert offered.make({"every": 7}) == Sample(7)
    assert offered.make({}) == Sample()
    with pytest.raises(ConfigError) as caught:
        offered.make({"every": -1})
    assert str(caught.value) == "plugin csv: --csv-every is -1, expected 0 or more"
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(("error", "said"), [(TypeError, "TypeError: no"), (SystemExit, "System")])
def test_a_check_that_fails_otherwise_is_named_too(error, said):
    def check(self):
        if self.every:
            raise error("no")

    record = dataclasses.make_dataclass(
        "Odd",
        [("every", int, field(default=0, metadata={"help": "x"}))],
        namespace={"__post_init__": check},
        frozen=True,
    )
    with pytest.raises(ConfigError, match=f"^plugin odd: {said}"):
        PluginOptions.of("odd", record).make({"every": 1})


def test_a_run_hands_out_what_was_typed_and_defaults_otherwise(tmp_path):
    typed = RunInfo(tmp_path, {}, {"other": "x", "csv": Sample(5)})
    assert typed.options["csv"] == typed.options_of(Sample) == Sample(5)
    assert RunInfo(tmp_path, {}).options_of(Sample) == Sample()
    with pytest.raises(TypeError, match="does not support item assignment"):
        typed.options["csv"] = Sample()


# name of the case, source of the light module, what the reason says
BROKEN = [
    (
        "raises",
        "@hookimpl\ndef rinzler_options():\n    1 / 0",
        "calling rinzler_options raised Zer",
    ),
    (
        "number",
        "@hookimpl\ndef rinzler_options():\n    return 7",
        "rinzler_options returned 7, expected a frozen dataclass",
    ),
    (
        "instance",
        options("every: int = 1").replace("return Options", "return Options()"),
        "rinzler_options returned Options(every=1), expected a frozen dataclass",
    ),
    ("plain_class", f"class Options: pass\n{HOOK}", "expected a frozen dataclass"),
    (
        "not_frozen",
        options("every: int = 1", frozen=False),
        "Options can be changed, expected @dataclass(frozen=True)",
    ),
    (
        "empty",
        f"{IMPORTS}@dataclass(frozen=True)\nclass Options: pass\n{HOOK}",
        "Options has no fields",
    ),
    (
        "list",
        options("every: list[int] = ()"),
        "Options.every is annotated list[int], expected bool, int, float, str or Path, or one of",
    ),
    ("union", options("every: int | str = 1"), "Options.every is annotated int | str, expected bo"),
    ("unknown_type", options("every: 'Pfad' = 1"), "raised NameError: name 'Pfad' is not defined"),
    (
        "no_default",
        f"{IMPORTS}@dataclass(frozen=True)\nclass Options:\n    every: int\n{HOOK}",
        "Options.every has no default: installing a plugin must not ask for a flag",
    ),
    (
        "no_help",
        f"{IMPORTS}@dataclass(frozen=True)\nclass Options:\n    every: int = 1\n{HOOK}",
        "Options.every has no help, expected field(metadata={",
    ),
    ("default_none", options("every: int = None"), "Options.every has the default None, expected"),
    ("default_bool", options("every: int = True"), "Options.every has the default True, expected"),
    ("default_text", options("p: Path = 'a'"), "Options.p has the default 'a', expected Path"),
    ("field_name", options("Every: int = 1"), "Options.Every cannot be a flag, expected a field"),
    (
        "not_init",
        options("every: int = 1").replace("metadata", "init=False, metadata"),
        "Options.every cannot be a flag, expected a field",
    ),
    (
        "own_check",
        options("every: int = 1", check="raise ValueError('never right')"),
        "calling rinzler_options raised ValueError: never right",
    ),
]


@pytest.mark.parametrize(
    ("source", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_broken_options_are_listed_with_their_reason_and_disturb_nothing(site, source, reason):
    site.install_plugin("good", options("every: int = 1"))
    site.install_plugin("bad", source + "\n")
    site.plugins()
    assert [each.name for each in plugin_options()] == ["good"]
    report = site.report("bad")
    assert (report.kind, report.state) == ("plugin", "broken")
    assert reason in report.reason
    assert "Traceback" in report.traceback
    why = why_no_option("--bad-every")
    assert why == f"plugin bad (rinzler-bad 1.0) is broken: {report.reason}"


def test_an_entry_point_that_cannot_begin_a_flag(site):
    site.install("rinzler-odd", {"Odd.One": "odd_plugin"}, {"odd_plugin": options("a: int = 1")})
    site.plugins()
    assert plugin_options() == []
    assert "entry point matches [a-z][a-z0-9_-]*, got 'Odd.One'" in site.report("Odd.One").reason


def test_nothing_to_offer_is_no_error(site):
    site.install_plugin("none", "@hookimpl\ndef rinzler_options():\n    return None\n")
    site.plugins()
    assert plugin_options() == []
    assert site.report("none").state == "ready"


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
    site.install_plugin("bad", HOOK.replace("Options", "7"))
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

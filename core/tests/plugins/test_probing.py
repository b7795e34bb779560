"""Plugins that do harm: listed with how, let in by nobody, in the way of nothing.

They are tried in processes of their own; what is kept of that, and for how long.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import pytest

from rinzler.plugins import manager, probing, verdicts
from rinzler.plugins.apart import ending

SEGFAULT = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
LEAVE = "import os\nos._exit(0)\n"
TALK = 'print(\'{"reports": [], "devices": {}, "facts": {}}\')\n'
OFFER = "{name!r}, '{name}_backend:make'"
OPTIONS = """
from dataclasses import dataclass, field
@hookimpl
def rinzler_options():
    @dataclass(frozen=True)
    class Options:
        {field}: int = field(default=1, metadata=dict(help="how often"))
    return Options
"""
# What it does when it is imported, described or opened; how that is said. All other ways:
# `tests/promises/test_nasty_plugins.py`.
HARMFUL = {
    "import_segfault": (SEGFAULT, "", "its process ended (SIGSEGV) when it is described"),
    "import_leave": (LEAVE, "", "its process ended (exit code 0) when it is described"),
    "hook_segfault": (
        "@hookimpl\ndef rinzler_options():\n    import os\n    os.kill(os.getpid(), 11)\n",
        "",
        "its process ended (SIGSEGV) when it is described",
    ),
    "open_segfault": ("", SEGFAULT, "its process ended (SIGSEGV) when it opens open_segfault"),
}


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A place for verdicts that has none yet."""
    monkeypatch.setenv(verdicts.FOLDER, str(tmp_path / "verdicts"))
    return tmp_path / "verdicts"


@pytest.fixture
def install(site, kept, backends):
    def named(*names: str) -> None:
        for name in names:
            light, heavy, _ = HARMFUL.get(name, ("", "", ""))
            source = light or backends(OFFER.format(name=name))
            site.install_plugin(name, source)
            (site.path / f"{name}_backend.py").write_text(heavy, encoding="utf-8")

    return named


@pytest.fixture
def rinzler(site, command):
    def run(*words: str) -> tuple[int, str, str]:
        site.plugins()
        return command(*words)

    return run


def test_each_is_listed_with_what_it_did_and_nothing_is_imported(install, rinzler, site):
    install(*HARMFUL)
    site.install_stranger()
    code, out, err = rinzler("backends", "--json")
    assert (code, err) == (0, "")
    found = {each["name"]: each for each in json.loads(out)}
    for name, (_, _, reason) in HARMFUL.items():
        assert found[name]["state"] == "broken"
        assert found[name]["reason"].startswith(reason), name
        assert found[name]["mend"] == (
            f"pip install --upgrade rinzler-{name}, or keep it out: RINZLER_BLOCK={name}. "
            "Try it again: rinzler backends --probe"
        )
    assert found["stranger"]["state"] == "ready"
    ours = [name for name in sys.modules if name.startswith(("rinzler_import", "rinzler_open"))]
    assert ours == []


def test_other_commands_go_on_without_them(install, rinzler, site):
    install("import_segfault", "open_segfault")
    site.install_stranger()
    code, out, _ = rinzler("warmup", "stranger")
    assert code == 0
    code, _, err = rinzler("warmup", "open_segfault")
    assert code == 3
    assert "its process ended (SIGSEGV) when it opens open_segfault" in err
    code, out, _ = rinzler("doctor")
    assert code == 0
    assert "import_segfault broken" in out.replace("  ", " ")


def test_a_verdict_is_kept_until_the_plugin_changes_or_somebody_asks(
    install, rinzler, site, monkeypatch
):
    install("import_leave")
    assert "exit code 0" in rinzler("backends")[1]
    tried = []
    with monkeypatch.context() as patch:
        patch.setattr(probing, "_tried", lambda plugin, words: tried.append(plugin.name))
        assert "exit code 0" in rinzler("backends")[1]
    assert tried == []
    module = site.path / "rinzler_import_leave_plugin.py"
    module.write_text("X = 1\n", encoding="utf-8")
    later = time.time() + 10
    os.utime(module, (later, later))
    assert "exit code 0" not in rinzler("backends")[1]


def test_what_may_change_by_itself_is_tried_again_after_an_hour(site, kept, monkeypatch):
    probe = "shy_backend:probe"
    site.install_plugin("shy", _offering("'shy', 'shy_backend:make', probe=" + repr(probe)))
    module = site.path / "shy_backend.py"
    module.write_text("def probe():\n    return 'not today'\n", encoding="utf-8")
    (plugin,) = site.plugins().found
    first = probing.verdicts([plugin])[plugin]
    assert [each["state"] for each in first.reports] == ["unavailable"]
    module.write_text("def probe():\n    return 'nor now'\n", encoding="utf-8")
    assert probing.verdicts([plugin])[plugin] == first
    now = time.time()
    monkeypatch.setattr(verdicts.time, "time", lambda: now + verdicts.AGAIN + 1)
    assert probing.verdicts([plugin])[plugin].reports[0]["reason"] == "nor now"


def _offering(record: str) -> str:
    return f"@hookimpl\ndef rinzler_backends():\n    return [BackendInfo({record})]\n"


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"identity": 3}', b"\xff\xfe", b"null", b'{"a": NaN}']
)
def test_a_damaged_verdict_is_none(site, kept, damage):
    site.install_stranger()
    (plugin,) = site.plugins().found
    probing.verdicts([plugin])
    (path,) = kept.iterdir()
    path.write_bytes(damage)
    assert verdicts.kept(plugin) is None
    assert probing.verdicts([plugin])[plugin].works


def test_what_a_plugin_prints_is_no_verdict(install, site, kept):
    site.install_plugin("talk", TALK + _offering("'talk', 'talk_backend:make'"))
    (plugin,) = site.plugins().found
    (report,) = probing.verdicts([plugin])[plugin].reports
    assert (report["name"], report["state"]) == ("talk", "failed")


def states_in_a_listing(site) -> dict[str, tuple[str, str]]:
    """State and reason by distribution, as another process told them."""
    found = site.plugins().found
    reports = probing.reports_of(probing.verdicts(found), found)
    return {each.distribution: (each.state, each.reason) for each in reports}


def test_two_of_one_name_are_both_refused_in_a_listing_too(site, kept):
    site.write_stranger("same")
    for name in ("one", "other"):
        site.install_plugin(name, _offering("'same', 'strange_same.backend:Backend'"))
    found = states_in_a_listing(site)
    assert {state for state, _ in found.values()} == {"duplicate"}
    assert 'ask for it as "rinzler-one:same"' in found["rinzler-one"][1]


def test_who_is_called_like_a_backend_owns_the_name_in_a_listing_too(site, kept):
    site.install_stranger()
    site.install_plugin("shadow", _offering("'stranger', 'strange_stranger.backend:Backend'"))
    found = states_in_a_listing(site)
    assert found["rinzler-stranger"] == ("ready", "")
    assert found["rinzler-shadow"][0] == "duplicate"
    assert 'ask for it as "rinzler-shadow:stranger"' in found["rinzler-shadow"][1]


def test_two_plugins_with_one_flag_are_told_in_a_listing_too(site, kept):
    site.install_plugin("log", OPTIONS.format(field="file_every"))
    file_plugin = {"file_plugin": OPTIONS.format(field="every")}
    site.install("rinzler-file", {"log-file": "file_plugin"}, file_plugin)
    found = states_in_a_listing(site)
    assert {state for state, _ in found.values()} == {"duplicate"}
    assert "--log-file-every is also a flag of rinzler-file 1.0" in found["rinzler-log"][1]


def test_where_no_process_can_be_started_nothing_is_known_and_nothing_kept(site, kept, monkeypatch):
    site.install_stranger()

    def refuse(*words: object, **settings: object) -> None:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(probing.subprocess, "Popen", refuse)
    found = site.plugins().found
    (report,) = probing.reports_of(probing.verdicts(found), found)
    assert (report.state, report.reason) == (
        "found",
        "it could not be tried: [Errno 11] no more processes",
    )
    assert not kept.exists()


def test_a_signal_without_a_name_is_a_number():
    assert ending(-signal.SIGSEGV) == "SIGSEGV"
    assert ending(-250) == "exit code -250"
    assert ending(7) == "exit code 7"
    assert manager.plugins

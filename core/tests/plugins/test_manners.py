"""What a plugin must leave as it found it: noted, and seen where it changed.

Each way to change it is tried on real plugins in `tests/promises/test_nasty_plugins.py`. Here: what
is no change, and what the children of a plugin come to.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from rinzler.plugins import manners, probing, verdicts


@pytest.fixture(autouse=True)
def _kept(tmp_path, monkeypatch):
    monkeypatch.setenv(verdicts.FOLDER, str(tmp_path / "verdicts"))
    monkeypatch.setenv(probing.SECONDS, "60")


def test_what_is_put_back_is_no_change(monkeypatch, tmp_path):
    before = manners.noted()
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        patch.setenv("X_OF_A_PLUGIN", "1")
        assert manners.changed(before) == f"changes the working directory to {tmp_path}"
    assert manners.changed(before) == ""


def test_opening_may_do_what_libraries_do(monkeypatch):
    before = manners.noted()
    monkeypatch.setenv("X_OF_A_PLUGIN", "1")
    assert manners.changed(before) == "changes the variable X_OF_A_PLUGIN"
    assert manners.changed(before, opened=True) == ""


def test_a_signal_that_was_ignored_before_is_seen_taken(site, backends):
    """A shell leaves Ctrl-C ignored in what it starts in the background."""
    site.write_stranger("deaf")
    take = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    site.install_plugin("deaf", take + backends("'deaf', 'strange_deaf.backend:Backend'"))
    (plugin,) = site.plugins().found
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        verdict = probing.verdicts([plugin])[plugin]
    finally:
        signal.signal(signal.SIGINT, before)
    assert "takes SIGINT for itself" in verdict.harm


def test_a_child_that_a_plugin_leaves_behind_is_neither_waited_for_nor_left(site, backends):
    """It would keep a pipe open, and the listing waiting for its end."""
    site.write_stranger("parent")
    pid = site.path / "pid"
    leave = (
        "import subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(child.pid))\n"
    )
    site.install_plugin("parent", leave + backends("'parent', 'strange_parent.backend:Backend'"))
    (plugin,) = site.plugins().found
    verdict = probing.verdicts([plugin])[plugin]
    assert verdict.works, verdict  # and no "it hangs"
    assert not _is_alive(int(pid.read_text(encoding="utf-8")))


def _is_alive(pid: int) -> bool:
    """Whether it computes; who was killed may wait a moment for somebody to bury it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_hook_that_never_ends_its_list_is_told(site):
    source = "return (BackendInfo(f'n{n}', 'm:f') for n in range(10**9))"
    site.install_plugin("endless", f"@hookimpl\ndef rinzler_backends():\n    {source}\n")
    site.plugins()
    assert site.report("endless").reason == (
        "rinzler_backends returned more than 1000 records; it may never end"
    )

"""RINZLER_BACKEND, RINZLER_BLOCK, RINZLER_PLUGINS and RINZLER_STRICT_PLUGINS, by the commands.

Beside what is really installed here there are three plugins of a stranger: a backend, a plugin that
breaks when it is imported, and one that raises in an event.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rinzler.cli.attended import AttendedTrainer
from rinzler.plugins import manager

TINY = shlex.split(
    "--d-model 8 --layers 1 --context 8 --batch-size 2 --vocab-size 0 --steps 2 --run-dir run"
)
RAISING = "@hookimpl\ndef rinzler_step_end(step):\n    raise OSError(f'disk full at {step}')\n"

Run = Callable[..., tuple[int, str, str]]


class Command:
    """`rinzler` in a folder of its own, each time as if the process had just begun."""

    def __init__(self, run: Run, patch: pytest.MonkeyPatch) -> None:
        self.run = run
        self.patch = patch

    def __call__(self, *words: str, **settings: str) -> tuple[int, str, str]:
        """`settings` are variables: block="bad" sets RINZLER_BLOCK."""
        with self.patch.context() as patch:
            for name, value in settings.items():
                patch.setenv(f"RINZLER_{name.upper()}", value)
            patch.setattr(manager, "_plugins", None)
            return self.run("rinzler", *words)

    def states(self, **settings: str) -> dict[str, str]:
        """What `rinzler backends` says of the stranger's plugins."""
        code, out, err = self("backends", "--json", **settings)
        assert (code, err) == (0, "")
        plugins = {each["name"]: each["state"] for each in json.loads(out)}
        return {name: plugins[name] for name in ("stranger", "bad", "raising") if name in plugins}

    def line(self, start: str, *words: str, **settings: str) -> str:
        """The line of a run that begins like this; the run has to succeed."""
        code, _, err = self("train", "fox.txt", *TINY, *words, **settings)
        assert code == 0, err
        (found,) = [line for line in err.splitlines() if line.startswith(start)]
        return found


@pytest.fixture
def command(site, run_command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(AttendedTrainer.sample, "__defaults__", (4, 0.8))  # short samples do
    Path("fox.txt").write_text("the quick brown fox\n" * 50, encoding="utf-8")
    site.install_stranger(priority=999)
    site.install_plugin("bad", "raise ValueError('boom')\n")
    site.install_plugin("raising", RAISING)
    return Command(run_command, monkeypatch)


# --- RINZLER_BACKEND --------------------------------------------------------------------------


def test_the_environment_chooses_the_backend_of_a_run(command: Command) -> None:
    line = command.line("backend ", backend="numpy")
    assert line.startswith("backend    numpy · ")
    assert line.endswith(" (RINZLER_BACKEND=numpy)")


def test_auto_in_the_environment_is_as_if_nothing_were_said(command: Command) -> None:
    line = command.line("backend ", backend="auto")
    assert line.startswith("backend    stranger · ")
    assert " (auto: highest priority of stranger, " in line


def test_a_flag_beats_the_environment(command: Command) -> None:
    line = command.line("backend ", "--backend", "stranger", backend="numpy")
    assert line.startswith("backend    stranger · ")
    assert line.endswith(' ("stranger" was asked for)')


def test_a_backend_of_the_environment_that_cannot_be_had(command: Command) -> None:
    code, out, err = command("train", "fox.txt", *TINY, backend="nmpy")
    assert (code, out) == (3, "")
    assert err.startswith('error: backend "nmpy" (from RINZLER_BACKEND) is not installed. Did you ')
    code, _, err = command("train", "fox.txt", *TINY, backend="bad")
    assert code == 3
    assert err.startswith(
        'error: backend "bad" (from RINZLER_BACKEND) cannot be used: its plugin (rinzler-bad 1.0) '
        "is broken: importing rinzler_bad_plugin raised ValueError: boom"
    )
    assert not Path("run").exists()


# --- RINZLER_BLOCK and RINZLER_PLUGINS --------------------------------------------------------


def test_blocked_plugins_are_listed_and_never_imported(command: Command) -> None:
    assert command.states() == {"stranger": "ready", "bad": "broken", "raising": "ready"}
    assert command.states(block="stranger,rinzler-bad") == {
        **{"stranger": "blocked", "bad": "blocked", "raising": "ready"}
    }
    _, out, _ = command("backends", "bad", block="bad")
    assert out.splitlines()[1].endswith("RINZLER_BLOCK=bad names it. unset RINZLER_BLOCK")


def test_a_run_takes_and_tells_no_blocked_plugin(command: Command) -> None:
    code, _, err = command("train", "fox.txt", *TINY, block="stranger,bad,raising,numba")
    assert code == 0
    assert "\nbackend    numpy · " in err
    assert " (auto: highest priority of numpy)\n" in err
    assert "bad" not in err
    assert not {"rinzler_raising_plugin", "rinzler_stranger_plugin"} & set(sys.modules)


def test_a_blocked_backend_that_is_asked_for_is_an_error(command: Command) -> None:
    code, _, err = command("train", "fox.txt", *TINY, "--backend", "stranger", block="stranger")
    assert code == 3
    assert err == (
        'error: backend "stranger" cannot be used: its plugin (rinzler-stranger 1.0) is blocked: '
        "RINZLER_BLOCK=stranger names it. Mend it: unset RINZLER_BLOCK\n"
    )


def test_only_the_plugins_that_are_named(command: Command) -> None:
    assert command.states(plugins="numpy,raising") == {
        **{"stranger": "blocked", "bad": "blocked", "raising": "ready"}
    }


# --- RINZLER_STRICT_PLUGINS -------------------------------------------------------------------


def test_a_broken_plugin_stops_nothing_but_is_said(command: Command) -> None:
    line = command.line("skipped    passed over bad", block="stranger")
    assert line.startswith("skipped    passed over bad (rinzler-bad): broken: importing ")


def test_strict_stops_before_a_run_begins(command: Command) -> None:
    code, out, err = command("train", "fox.txt", *TINY, strict_plugins="1")
    assert (code, out) == (3, "")
    assert err == (
        "error: RINZLER_STRICT_PLUGINS is set and a plugin is broken: bad (rinzler-bad): importing "
        "rinzler_bad_plugin raised ValueError: boom. Look at it with: rinzler backends -v bad\n"
    )
    assert not Path("run").exists()
    assert command("train", "fox.txt", *TINY, strict_plugins="0", backend="numpy")[0] == 0


def test_strict_still_lists(command: Command) -> None:
    assert command.states(strict_plugins="1")["bad"] == "broken"
    code, out, _ = command("backends", "-v", "bad", strict_plugins="1")
    assert code == 0
    assert "ValueError: boom" in out.splitlines()[-1]


def test_a_listener_that_raises_costs_one_line(command: Command, site) -> None:
    # In a process of its own: what a log line looks like there depends on nothing that ran before.
    done = subprocess.run(
        [sys.executable, "-m", "rinzler", "train", "fox.txt", *TINY, "--quiet"],
        env=os.environ | {"PYTHONPATH": str(site.path), "RINZLER_BACKEND": "numpy"},
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.stderr == (
        "plugin raising (rinzler-raising 1.0): rinzler_step_end raised OSError: disk full at 1; "
        "it hears no more events in this process\n"
    )


def test_strict_stops_a_run_whose_listener_raises(command: Command) -> None:
    code, _, err = command(
        "train", "fox.txt", *TINY, strict_plugins="1", block="bad,stranger", backend="numpy"
    )
    assert code == 3
    assert "error: RINZLER_STRICT_PLUGINS is set and a plugin is broken: raising (rinzler-" in err

"""Signals where nothing may be raised, and before and after there is anybody to catch them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from rinzler.cli.signals import LeaveNow, StopRequest, interrupt

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a signal there ends a process")


class Destroyed:
    """Something that is struck by signals while it goes."""

    def __init__(self, *signals: int) -> None:
        self.signals = signals
        self.done: list[str] = []

    def __del__(self) -> None:
        for each in self.signals:
            signal.raise_signal(each)
        self.done.append("all of it")


def wait() -> None:
    """Long enough for a signal that comes again."""
    time.sleep(5)


def test_a_second_signal_in_a_destructor_comes_again_after_it() -> None:
    told: list[str] = []
    doomed = Destroyed(signal.SIGINT, signal.SIGINT)
    done = doomed.done
    with StopRequest(told.append) as stop:
        del doomed
        assert (done, stop.name) == (["all of it"], "SIGINT")
        with pytest.raises(LeaveNow):
            wait()
    assert told == ["SIGINT"]


def test_python_s_own_answer_waits_for_a_destructor_too() -> None:
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        doomed = Destroyed(signal.SIGINT)
        done = doomed.done
        del doomed
        assert done == ["all of it"]
        with pytest.raises(KeyboardInterrupt):
            wait()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


BEFORE = "def train_main(): signal.raise_signal(signal.SIGINT)"
AFTER = "def train_main(): return 0"
PROGRAM = """
import atexit, signal, sys
from rinzler.cli import entry, main
{define}
main.train_main = train_main
{then}
sys.exit(entry.train())
"""
ENDS = [
    (BEFORE, "", 130, "stopped\n"),
    (AFTER, "", 0, ""),
    (AFTER, "atexit.register(lambda: signal.raise_signal(signal.SIGINT))", 130, "stopped\n"),
]


@pytest.mark.parametrize(("define", "then", "code", "said"), ENDS)
def test_what_nobody_answers_ends_a_process_with_a_word(
    define: str, then: str, code: int, said: str
) -> None:
    program = PROGRAM.format(define=define, then=then)
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)

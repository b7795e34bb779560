"""Ctrl-C while a command starts: from its first line on it is answered with a word, and code 130.

A start is imports, and an exception in one of them ends in a traceback. `start/sitecustomize.py`
watches them from inside: it says when the command's handler is in place, and signals at any import
after that. A second test signals from outside, as people do, in the first 300 ms. What strikes
before the handler is there, Python answers in its own way: it has not come to our code yet.
Leaves out: what a run does with a signal (`test_signals_outside.py`).
Read next: `core/src/rinzler/cli/entry.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from fox import TEXT, flags
from warmed import lent

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
HOOK = Path(__file__).parent / "start"
COMMANDS = {  # and what each comes to if nobody stops it
    ("rinzler", "--help"): 0,
    ("rinzler-train", "fox.txt", *flags(1, 1)): 0,
    ("rinzler-generate",): 2,  # it is told no run, and there is none
    ("rinzler", "backends"): 0,
}
STOPPED = 130


class Ended(NamedTuple):
    code: int
    err: str
    marks: str  # "h" if the command had a handler by then, and an "i" for each import after that


class Start:
    """A folder in which commands are started, one at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "fox.txt").write_text(TEXT, encoding="utf-8")
        self.folder = folder

    @contextmanager
    def process(self, words: tuple[str, ...], at: int = 0) -> Iterator[Callable[[], Ended]]:
        """The command with the hook in it; call what is yielded to wait for its end."""
        command = Path(sysconfig.get_path("scripts"), words[0])
        read, write = os.pipe()
        told = {"PYTHONPATH": HOOK, "RINZLER_TEST_MARK": write, "RINZLER_TEST_AT": at}
        with subprocess.Popen(
            [command, *words[1:]],
            cwd=self.folder,
            env=os.environ | {name: str(value) for name, value in told.items()},
            pass_fds=[write],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as self.running:
            os.close(write)

            def end() -> Ended:
                _, err = self.running.communicate()
                with os.fdopen(read, "rb") as marks:
                    return Ended(self.running.returncode, err.decode(), marks.read().decode())

            yield end


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Start]:
    """Two, so that two commands start at a time."""
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("RINZLER_PLUGINS", "numpy,corpus")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return [Start(tmp_path / name) for name in ("one", "other")]


def answered(ended: Ended, codes: tuple[int, ...]) -> None:
    assert ended.code in codes, ended
    assert "Traceback" not in ended.err, ended
    assert "ignored" not in ended.err, ended


def at_import(start: Start, words: tuple[str, ...], at: int) -> Ended:
    with start.process(words, at) as end:
        return end()


@pytest.mark.promise(
    "Ctrl-C at any import of a command, from its first line on: a word and code 130, no traceback",
    at_least=40,
    long=800,
)
def test_ctrl_c_at_any_import(starts: list[Start], count: Callable[..., None], long: bool) -> None:
    cases = []
    for words, code in COMMANDS.items():
        whole = at_import(starts[0], words, 0)
        assert (whole.code, whole.marks[:1]) == (code, "h"), whole
        imports = range(1, len(whole.marks) + 1)
        cases += [(words, at) for at in (imports if long else Random(5).sample(imports, 10))]

    def one(case: tuple[tuple[str, ...], int]) -> None:
        with lent(starts) as start:
            ended = at_import(start, *case)
        assert len(ended.marks) >= case[1], (case, ended)
        answered(ended, (STOPPED,))

    with ThreadPoolExecutor(len(starts)) as pool:
        for _ in pool.map(one, cases):
            count()


@pytest.mark.promise(
    "Ctrl-C in the first 300 ms of a command: answered, once there is a line of ours to answer",
    at_least=44,
    long=1_200,
)
def test_ctrl_c_soon_after_the_start(
    starts: list[Start], count: Callable[..., None], long: bool
) -> None:
    def one(case: tuple[tuple[str, ...], int]) -> bool:
        words, delay = case
        with lent(starts) as start, start.process(words) as end:
            time.sleep(delay / 1000)
            start.running.send_signal(signal.SIGINT)
            ended = end()
        if ended.marks:
            # SIGINT itself is what ends Python in its last moments.
            answered(ended, (STOPPED, COMMANDS[words], -signal.SIGINT))
        return bool(ended.marks)

    cases = [(words, delay) for words in COMMANDS for delay in range(0, 301, 1 if long else 30)]
    with ThreadPoolExecutor(len(starts)) as pool:
        ours = 0
        for reached in pool.map(one, cases):
            ours += reached
            count()
    assert ours, "no command came to its first line within 300 ms"


def test_the_harness_sees_python_s_own_answer() -> None:
    """A command that has no handler of its own: what the tests above look for is there."""
    script = "import rinzler.cli.main"
    told = {"PYTHONPATH": str(HOOK), "RINZLER_TEST_MARK": "2", "RINZLER_TEST_AT": "9"}
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts"), "python"), "-c", script],
        env=os.environ | told,
        capture_output=True,
        check=False,
    )
    with pytest.raises(AssertionError):
        answered(Ended(done.returncode, done.stderr.decode(), ""), (STOPPED,))
    assert b"KeyboardInterrupt" in done.stderr

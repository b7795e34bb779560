"""Ctrl-C anywhere in a run: no traceback, nothing leaked, and it goes on to the same bits.

The real command runs in this process under a trace function, which raises the signal at a line of
Rinzler's own code: at some of those that a run of three steps with its saves comes by, in the long
form at each of them.
Leaves out: signals that come from outside (`test_signals_outside.py`).
Read next: `core/src/rinzler/cli/signals.py`.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import pytest
from fox import RESUME, RUN, TEXT, digest, flags

import rinzler
from rinzler import checkpoint
from rinzler.cli import main
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.signals import StopRequest
from rinzler.cli.train import Run
from rinzler.files import temporaries
from rinzler.plugins import manager

OURS = str(Path(rinzler.__file__).parent)
HERE = Path(__file__).parent


class Tracer:
    """Raises signals at the n-th line of ours inside of a run, or counts its lines."""

    def __init__(self, at: int | None = None, twice: bool = False) -> None:
        self.at = at
        self.twice = twice  # a second one, at the next line
        self.lines = 0
        self.places: dict[tuple[str, int], list[int]] = {}  # of our code -> when it was reached
        self.where = ""
        self.over = False  # the run has ended

    def answer(self, number: int, frame: FrameType | None) -> None:
        """Python's own, as long as a run may hear it.

        What struck in a destructor comes again a moment later (`soon_again`), perhaps after it.
        """
        if not self.over:
            signal.default_int_handler(number, frame)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "call":
            return self if frame.f_code.co_filename.startswith(OURS) else None
        if event == "line":
            self.lines += 1
            if self.at is None:
                place = (frame.f_code.co_filename, frame.f_lineno)
                self.places.setdefault(place, []).append(self.lines)
            if self.at is not None and self.lines - self.at in ((0, 1) if self.twice else (0,)):
                self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self


@pytest.fixture
def folder(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("RINZLER_PLUGINS", "numpy,corpus")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(manager, "_plugins", None)
    # Writing four characters has the lines of writing many.
    defaults = AttendedTrainer.sample.__defaults__
    assert defaults is not None
    monkeypatch.setattr(AttendedTrainer.sample, "__defaults__", (4, *defaults[1:]))
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def command(*words: str) -> int:
    """`rinzler-train …` in this process."""
    sys.argv = ["rinzler-train", *words]
    return main.train_main()


def traced(tracer: Tracer, *words: str) -> int:
    """The same; the tracer watches from the moment at which a run is under way."""
    drive = Run._drive

    def watched(self: Run) -> int:
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            return drive(self)
        finally:
            sys.settrace(before)
            tracer.over = True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", sys.argv)
        patch.setattr(Run, "_drive", watched)
        return command(*words)


def descriptors() -> set[str]:
    """What is open, without the descriptor that lists them."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(f"{path.name} {path.readlink()}")
    return found


def leaked(before: set[str]) -> set[str]:
    """What is open that was not, once nobody holds it.

    The tracer also strikes at lines without an instruction of their own, `try:` and the end of
    `with`, where Python lets no signal in and has no way out prepared: a file is left to the
    garbage collector there, and the next run in this process must not meet it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return descriptors() - before


def check_and_go_on(expected: str, steps: int) -> None:
    """The folder holds what a run needs; going on ends where a run ends that never stopped."""
    if not list(RUN.glob("step-*.safetensors")):
        return  # it was stopped before its first step
    checkpoint.newest(RUN)
    last = checkpoint.path_for_step(RUN, steps)
    if checkpoint.newest(RUN)[0] != last:
        assert command(*RESUME) == 0
    assert not temporaries(RUN)
    assert digest(last) == expected


@pytest.fixture
def reference(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Tracer, str]:
    """A run that nobody stopped: its lines, and what it came to."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    tracer = Tracer()
    assert traced(tracer, "fox.txt", *flags(3, 1)) == 0
    found = digest(checkpoint.path_for_step(RUN, 3))
    shutil.rmtree("runs")
    return tracer, found


def interrupted(tracer: Tracer, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A run with signals, and all that has to be true after it."""
    python = signal.signal(signal.SIGINT, tracer.answer)
    before, handlers = descriptors(), [signal.getsignal(each) for each in (2, 15)]
    threads = set(threading.enumerate())
    # In a context of its own, as each run has: struck at the end of `no_grad`, it would stay so.
    code = copy_context().run(traced, tracer, "fox.txt", *flags(3, 1))
    left = leaked(before)
    captured = capsys.readouterr()
    where = f"{tracer.where} (line {tracer.at} of the run): {captured.err}"
    assert code in (0, 130), where  # 0: it struck after the end of all that could be stopped
    assert "Traceback" not in captured.err, where
    assert "ignored" not in captured.err, where
    assert left == set(), where
    assert [signal.getsignal(each) for each in (2, 15)] == handlers, where
    for each in set(threading.enumerate()) - threads:
        each.join(10)  # a timer that was cancelled is about to go
    assert set(threading.enumerate()) <= threads, where
    signal.signal(signal.SIGINT, python)
    check_and_go_on(expected, 3)
    capsys.readouterr()
    shutil.rmtree("runs")


@pytest.mark.promise(
    "Ctrl-C at any line of a run: no traceback, no descriptor, and it resumes to the same bits",
    at_least=60,
    long=2_000,
)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_ctrl_c_at_every_line(
    reference: tuple[Tracer, str],
    count: Callable[..., None],
    long: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tracer, expected = reference
    random = Random(6)
    # Every line of the source that a run comes by: at its first time, and at any later one.
    chosen = [(times[0], random.choice(times)) for times in tracer.places.values()]
    if not long:
        chosen = [(random.choice(times),) for times in random.sample(chosen, 60)]
    for number in (number for numbers in chosen for number in numbers):
        interrupted(Tracer(number), expected, capsys)
        count()


@pytest.mark.promise(
    "Ctrl-C twice at any line of a save: the checkpoint before is whole, and leftovers go",
    at_least=25,
    long=100,
)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_ctrl_c_twice_in_a_save(
    reference: tuple[Tracer, str],
    count: Callable[..., None],
    long: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tracer, expected = reference
    saving = [
        times
        for (name, _), times in tracer.places.items()
        if name.endswith("files.py") or "checkpoint" in name
    ]
    for times in saving if long else Random(7).sample(saving, 25):
        interrupted(Tracer(times[len(times) // 2], twice=True), expected, capsys)
        count()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_the_harness_finds_what_it_looks_for(
    reference: tuple[Tracer, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A descriptor that stays open, a state that is not the one, words that frighten."""
    tracer, expected = reference
    number = next(times[0] for (name, _), times in tracer.places.items() if "files.py" in name)
    handle = StopRequest._handle
    snapshot = AttendedTrainer.snapshot
    opened: list[int] = []

    def leaking(self: StopRequest, signal: int, frame: FrameType | None) -> None:
        opened.append(os.open(os.devnull, os.O_RDONLY))
        handle(self, signal, frame)

    def shifted(self: AttendedTrainer) -> checkpoint.Checkpoint:
        found = snapshot(self)
        found.tensors["wte.weight"][0] += 1
        return found

    def telling(self: StopRequest, signal: int, frame: FrameType | None) -> None:
        sys.stderr.write("Traceback (most recent call last):\n")
        handle(self, signal, frame)

    planted = [(StopRequest, "_handle", leaking), (StopRequest, "_handle", telling)]
    planted += [(AttendedTrainer, "snapshot", shifted)]
    for owner, name, bad in planted:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, bad)
            with pytest.raises(AssertionError):
                interrupted(Tracer(number), expected, capsys)
        shutil.rmtree("runs")
    for descriptor in opened:
        os.close(descriptor)
    interrupted(Tracer(number), expected, capsys)

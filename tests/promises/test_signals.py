"""Ctrl-C anywhere in a run: no traceback, nothing leaked, and it goes on to the same bits.

Two harnesses. The first runs the real command in this process under a trace function, and raises
the signal at a line of Rinzler's own code: at some of those that a run of three steps with its
saves comes by, in the long form at each of them. The second sends signals from outside, at random
moments, to processes that are forked from one that has loaded everything (`warm.py`), since loading
takes longer than the rest; and to some that load for themselves.
Leaves out: the first hundredths of a second, in which Python starts (`cli/entry.py`).
Read next: `core/src/rinzler/cli/signals.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import pytest

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
TEXT = "the quick brown fox jumps over the lazy dog, naïvely.\n" * 30
SETTINGS = {
    **{"d-model": 8, "layers": 1, "context": 8, "batch-size": 2, "vocab-size": 0},
    **{"backend": "numpy", "gen-every": 0},
}
RUN = Path("runs", "fox-001")


class Tracer:
    """Raises signals at the n-th line of ours inside of a run, or counts its lines."""

    def __init__(self, at: int | None = None, twice: bool = False) -> None:
        self.at = at
        self.twice = twice  # a second one, at the next line
        self.lines = 0
        self.places: dict[tuple[str, int], list[int]] = {}  # of our code -> when it was reached
        self.where = ""

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


def flags(steps: int, save_every: int, eval_every: int = 2) -> list[str]:
    settings = SETTINGS | {"steps": steps, "save-every": save_every, "eval-every": eval_every}
    return ["--plain", *(f"--{name}={value}" for name, value in settings.items())]


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

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", sys.argv)
        patch.setattr(Run, "_drive", watched)
        return command(*words)


def digest(path: Path) -> str:
    """SHA-256 of all that a checkpoint says."""
    saved = checkpoint.load(path)
    state = hashlib.sha256(repr(sorted(saved.meta.items())).encode())
    for name in sorted(saved.tensors):
        state.update(name.encode() + saved.tensors[name].tobytes())
    return state.hexdigest()


def descriptors() -> set[str]:
    """What is open, without the descriptor that lists them."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(f"{path.name} {path.readlink()}")
    return found


def check_and_go_on(expected: str, steps: int) -> None:
    """The folder holds what a run needs; going on ends where a run ends that never stopped."""
    if not list(RUN.glob("step-*.safetensors")):
        return  # it was stopped before its first step
    checkpoint.newest(RUN)
    last = checkpoint.path_for_step(RUN, steps)
    if checkpoint.newest(RUN)[0] != last:
        assert command("--resume", str(RUN), "--backend", "numpy", "--plain") == 0
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
    before, handlers = descriptors(), [signal.getsignal(each) for each in (2, 15)]
    threads = set(threading.enumerate())
    code = traced(tracer, "fox.txt", *flags(3, 1))
    captured = capsys.readouterr()
    where = f"{tracer.where} (line {tracer.at} of the run): {captured.err}"
    assert code in (0, 130), where  # 0: it struck after the end of all that could be stopped
    assert "Traceback" not in captured.err, where
    assert "ignored" not in captured.err, where
    assert descriptors() <= before, where
    assert [signal.getsignal(each) for each in (2, 15)] == handlers, where
    for each in set(threading.enumerate()) - threads:
        each.join(10)  # a timer that was cancelled is about to go
    assert set(threading.enumerate()) <= threads, where
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


class Warm:
    """The process of `warm.py`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "warm.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready\n"

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def run(self, number: int | None, delay: float, *words: str) -> tuple[int, str]:
        """A command that gets a signal after so many seconds: (exit code, stderr)."""
        assert self.process.stdin is not None
        files = {"out": str(Path("out.txt").absolute()), "err": str(Path("err.txt").absolute())}
        for path in files.values():
            Path(path).write_text("", encoding="utf-8")
        order = {"argv": words, "cwd": str(Path.cwd()), **files}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        pid = json.loads(self._answer())["pid"]
        if number is not None:
            time.sleep(delay)
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        status = json.loads(self._answer())["status"]
        return status, Path("err.txt").read_text(encoding="utf-8")

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def warm(folder: Path) -> Iterator[Warm]:
    process = Warm()
    yield process
    process.close()


# Shells report the death by a signal as 128 + its number: that is what comes where nobody answers,
# SIGTERM before and after a run, SIGINT while Python ends.
CODES = {signal.SIGINT: (130, -signal.SIGINT), signal.SIGTERM: (143, -signal.SIGTERM)}


def ended_well(number: int, code: int, err: str) -> None:
    """What a process leaves behind that got a signal at any time, or ended before it came."""
    assert code in (0, *CODES[signal.Signals(number)]), err
    assert "Traceback" not in err, err
    assert "ignored" not in err, err
    if "resume" in err:
        path, skipped = checkpoint.newest(RUN)
        assert not skipped
        assert f"saved      {path} (" in err


@pytest.mark.promise(
    "SIGINT and SIGTERM from outside at random moments: the right exit code, and it resumes",
    at_least=200,
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_signals_from_outside(warm: Warm, count: Callable[..., None]) -> None:
    random, train = Random(8), ("rinzler-train", "fox.txt", *flags(24, 7, 10))
    begun = time.perf_counter()
    assert warm.run(None, 0.0, *train)[0] == 0
    whole = time.perf_counter() - begun
    expected = digest(checkpoint.path_for_step(RUN, 24))
    shutil.rmtree("runs")
    seen = set()
    for case in range(200):
        number = random.choice((signal.SIGINT, signal.SIGTERM))
        code, err = warm.run(number, random.uniform(0.0, whole), *train)
        ended_well(number, code, err)
        seen.add(code)
        if case % 8 == 0 and "step-" in err:
            check_and_go_on(expected, 24)
        if RUN.exists():
            shutil.rmtree("runs")
        count()
    assert seen >= {130, 143}


@pytest.mark.promise(
    "SIGINT and SIGTERM while a command loads, trains or writes: the right exit code, no traceback",
    at_least=12,
    long=200,
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_signals_to_processes_that_load(
    reference: tuple[Tracer, str], count: Callable[..., None], long: bool
) -> None:
    random = Random(9)
    assert command("fox.txt", *flags(3, 1), "--run-dir", "kept") == 0
    module = [sys.executable, "-m", "rinzler"]
    train = [*module, "train", "fox.txt", *flags(100_000, 100, 1000)]
    write = [*module, "generate", "kept", "--tokens", "100000", "--backend", "numpy"]
    for case in range(200 if long else 12):
        number = random.choice((signal.SIGINT, signal.SIGTERM))
        words = train if case % 3 else write
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            time.sleep(random.uniform(0.3, 1.8))  # Python itself has started by then
            process.send_signal(number)
            _, err = process.communicate()
        ended_well(number, process.returncode, err.decode())
        if RUN.exists():
            shutil.rmtree("runs")
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

"""Signals from outside, at any moment in the life of a command: the right exit code, no traceback.

Most go to forks of a process that has loaded everything (`crash/warmed.py`), since loading takes
longer than the rest; some to processes that load for themselves.
Leaves out: signals at every line of a run (`test_signals.py`).
Read next: `core/src/rinzler/cli/signals.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from fox import RESUME, RUN, TEXT, digest, flags
from warmed import Warm, lent

from rinzler import checkpoint
from rinzler.files import temporaries

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
STEPS = 24
# Shells report the death by a signal as 128 + its number: that is what comes where nobody answers,
# SIGTERM before and after a run, SIGINT while Python ends.
CODES = {signal.SIGINT: (130, -signal.SIGINT), signal.SIGTERM: (143, -signal.SIGTERM)}


@dataclass
class Place:
    """A folder with a text, in which one command runs at a time."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "fox.txt").write_text(TEXT, encoding="utf-8")

    def ended_well(self, number: int, code: int, err: str) -> None:
        """What a process leaves behind that got a signal at any time, or ended before it came."""
        assert code in (0, *CODES[signal.Signals(number)]), err
        assert "Traceback" not in err, err
        assert "ignored" not in err, err
        if "resume" in err:
            path, skipped = checkpoint.newest(self.folder / RUN)
            assert not skipped
            assert f"saved      {path.relative_to(self.folder)} (" in err

    def clear(self) -> None:
        if (self.folder / RUN).exists():
            shutil.rmtree(self.folder / "runs")


class WarmPlace(Place):
    """One with a warm process."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.warm = Warm("short_samples")

    def train(self, *words: str, number: int = 0, delay: float = 0.0) -> tuple[int, str]:
        """A command that gets a signal after so many seconds: (exit code, stderr)."""
        said = self.folder / "err.txt"
        said.write_text("", encoding="utf-8")
        with self.warm.command(["rinzler-train", *words], self.folder, said) as process:
            time.sleep(delay)
            if number:
                process.send_signal(number)
        assert process.returncode is not None
        return process.returncode, said.read_text(encoding="utf-8")

    def check_and_go_on(self, expected: str) -> None:
        """Going on ends where a run ends that never stopped."""
        last = checkpoint.path_for_step(self.folder / RUN, STEPS)
        if checkpoint.newest(self.folder / RUN)[0] != last:
            code, err = self.train(*RESUME)
            assert code == 0, err
        assert not temporaries(self.folder / RUN)
        assert digest(last) == expected


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("RINZLER_PLUGINS", "numpy,corpus")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[WarmPlace]]:
    """Two, so that two commands run at a time."""
    found = [WarmPlace(tmp_path / name) for name in ("one", "other")]
    yield list(found)
    for place in found:
        place.warm.close()


@pytest.mark.promise(
    "SIGINT and SIGTERM from outside at random moments: the right exit code, and it resumes",
    at_least=200,
)
def test_signals_from_outside(places: list[WarmPlace], count: Callable[..., None]) -> None:
    random, train = Random(8), ("fox.txt", *flags(STEPS, 7, 10))
    begun = time.perf_counter()
    code, err = places[0].train(*train)
    assert code == 0, err
    whole = time.perf_counter() - begun
    expected = digest(checkpoint.path_for_step(places[0].folder / RUN, STEPS))
    places[0].clear()

    def one(case: tuple[int, float, bool]) -> int:
        number, delay, thoroughly = case
        with lent(places) as place:
            code, err = place.train(*train, number=number, delay=delay)
            place.ended_well(number, code, err)
            if thoroughly and "step-" in err:
                place.check_and_go_on(expected)
            place.clear()
        return code

    numbers = (signal.SIGINT, signal.SIGTERM)
    cases = [(random.choice(numbers), random.uniform(0.0, whole), n % 8 == 0) for n in range(200)]
    seen = set()
    with ThreadPoolExecutor(len(places)) as pool:
        for code in pool.map(one, cases):
            seen.add(code)
            count()
    assert seen >= {130, 143}


@pytest.mark.promise(
    "SIGINT and SIGTERM while a command loads, trains or writes: the right exit code, no traceback",
    at_least=12,
    long=200,
)
def test_signals_to_processes_that_load(
    tmp_path: Path, count: Callable[..., None], long: bool
) -> None:
    random = Random(9)
    places = [Place(tmp_path / name) for name in ("one", "other")]
    module = [sys.executable, "-m", "rinzler"]
    kept = str(tmp_path / "kept")
    made = [*module, "train", "fox.txt", *flags(3, 1), "--run-dir", kept]
    subprocess.run(made, cwd=places[0].folder, capture_output=True, check=True)
    train = [*module, "train", "fox.txt", *flags(100_000, 100, 1000)]
    write = [*module, "generate", kept, "--tokens", "100000", "--backend", "numpy"]

    def one(case: tuple[list[str], int, float]) -> None:
        words, number, delay = case
        with lent(places) as place:
            with subprocess.Popen(
                words, cwd=place.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            ) as process:
                time.sleep(delay)
                process.send_signal(number)
                _, err = process.communicate()
            place.ended_well(number, process.returncode, err.decode())
            place.clear()

    cases = [
        # Python itself has started by then.
        (
            train if case % 3 else write,
            random.choice((signal.SIGINT, signal.SIGTERM)),
            random.uniform(0.3, 1.8),
        )
        for case in range(200 if long else 12)
    ]
    with ThreadPoolExecutor(len(places)) as pool:
        for _ in pool.map(one, cases):
            count()

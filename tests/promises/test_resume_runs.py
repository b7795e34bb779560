"""Whole runs through the command: stopped at random and resumed, as if they had never stopped.

For each backend one run goes to its end undisturbed. Others with the same seed get a signal while
they train, once or twice: SIGINT or SIGTERM, after which the command saves and leaves, or SIGKILL,
after which there is what was saved before. Then `--resume`, until the run is done, on another
number of threads or without capture too. Compared are the bytes of each checkpoint that both have,
the samples, and all of metrics.jsonl but for the clock and the start and end of processes.
The undisturbed run is a process that loads for itself; the others are forks of two that have loaded
everything, and hash strings otherwise (`crash/warmed.py`). In the long form each is its own.
Read next: `core/tests/cli/test_resume.py`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from warmed import Command, Warm, lent

from rinzler import checkpoint

SAVE, EVAL, STEPS = 20, 60, 240
FLAGS = (
    *("verse.txt", "--steps", str(STEPS), "--save-every", str(SAVE), "--eval-every", str(EVAL)),
    *("--eval-windows", "4", "--gen-every", "0", "--keep-last", "0", "--val-fraction", "0.2"),
    *("--context", "8", "--d-model", "8", "--layers", "1", "--vocab-size", "0", "--dropout", "0.1"),
    *("--batch-size", "2", "--cosine", "--warmup-steps", "9", "--min-lr", "1e-5", "--lr", "1e-2"),
)
PIPE = 4096  # bytes, about 35 steps: whoever is that far ahead of its reader has to wait
LATEST = STEPS - 100  # steps after which no signal is sent, so that even the second finds a run
SHARES = {"numpy": 13, "numba": 4, "vulkan": 3}  # of the runs: the cheapest to start has most
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
TEXT = "the quick brown fox jumps over the lazy dog, näive and ünder the rain.\n" * 20


class Runner:
    """The command, in a folder with a text: forks of a warm process, or processes of their own."""

    def __init__(self, home: Path, backend: str, warm: Warm | None = None) -> None:
        self.home, self.backend, self.warm = home, backend, warm
        (home / "verse.txt").write_text(TEXT, encoding="utf-8")

    def process(self, *words: str) -> subprocess.Popen[str] | Command:
        words = (*words, "--backend", self.backend, "--json")
        path = self.home / "stderr.txt"
        if self.warm is not None:
            return self.warm.command(["rinzler-train", *words], self.home, path, PIPE)
        with path.open("a", encoding="utf-8") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "rinzler", "train", *words],
                cwd=self.home,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                encoding="utf-8",
                pipesize=PIPE,
            )

    def said(self) -> str:
        """The last that all the processes have said."""
        return (self.home / "stderr.txt").read_text(encoding="utf-8")[-2000:]

    def to_the_end(self, *words: str) -> None:
        with self.process(*words) as process:
            process.communicate(timeout=180)
        assert process.returncode == 0, self.said()

    def stopped(self, at: int, sign: signal.Signals, *words: str) -> None:
        """Start, and signal as soon as step `at` is told."""
        with self.process(*words) as process:
            assert self.told(process, at), f"the run ended before step {at}: {self.said()}"
            process.send_signal(sign)
            process.communicate(timeout=180)
        expected = -9 if sign == signal.SIGKILL else 128 + sign
        assert process.returncode == expected, (sign, process.returncode, self.said())

    def told(self, process: subprocess.Popen[str] | Command, step: int) -> bool:
        """Read until the process tells of a step; whether it did."""
        assert process.stdout is not None
        events = map(json.loads, process.stdout)
        return any(event["event"] == "step" and event["step"] >= step for event in events)


def metrics(folder: Path) -> list[dict[str, Any]]:
    """All that metrics.jsonl says, but for the clock, processes, and saves that a stop brings."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    for record in records:
        record.pop("tokens_per_second", None)
        record.pop("path", None)
    return [
        record
        for record in records
        if record["event"] not in ("start", "resume", "end")
        and not (record["event"] == "checkpoint" and record["step"] % SAVE)
    ]


def differences(folder: Path, other: Path) -> list[str]:
    """What two runs do not have in common."""
    found = []
    due = range(SAVE, STEPS + 1, SAVE)
    for step in due:
        one, two = (checkpoint.path_for_step(each, step) for each in (folder, other))
        if one.read_bytes() != two.read_bytes():
            found.append(one.name)
    if (folder / "samples.txt").read_bytes() != (other / "samples.txt").read_bytes():
        found.append("samples.txt")
    if metrics(folder) != metrics(other):
        found.append("metrics.jsonl")
    return found


def undisturbed(home: Path, backend: str) -> Runner:
    """A folder with one run in it, "whole"."""
    home.mkdir()
    runner = Runner(home, backend)
    runner.to_the_end(*FLAGS, "--run-dir", "whole")
    steps = [each["step"] for each in metrics(home / "whole") if each["event"] == "step"]
    assert steps == list(range(1, STEPS + 1))
    return runner


def disturbed(runner: Runner, name: str, random: Random) -> list[str]:
    """A run that is stopped once or twice, and what is different in the end."""
    first = random.randint(SAVE + 1, LATEST)
    runner.stopped(first, random.choice(SIGNALS), *FLAGS, "--run-dir", name)
    if random.random() < 0.5:
        again = random.randint(first, LATEST)  # a killed one may have lost some steps before
        runner.stopped(again, random.choice(SIGNALS), "--resume", name, *otherwise(runner, random))
    runner.to_the_end("--resume", name, *otherwise(runner, random))
    return differences(runner.home / name, runner.home / "whole")


def otherwise(runner: Runner, random: Random) -> Sequence[str]:
    """What may be different in how a run computes and must not be in what it computes."""
    threads = () if runner.backend == "vulkan" else ("--threads", str(random.randint(1, 2)))
    return (*threads, *random.choice([(), ("--no-capture",)]))


@pytest.mark.promise("a run stopped and resumed leaves the same folder", at_least=20, long=60)
def test_stop_and_resume(
    tmp_path: Path, count: Callable[..., None], long: bool, why_not: Callable[[str], str]
) -> None:
    shares = {name: share for name, share in SHARES.items() if not why_not(name)}
    shares["numpy"] += sum(SHARES.values()) - sum(shares.values())
    runners = {name: undisturbed(tmp_path / name, name) for name in shares}
    runs = [
        (runners[name], f"run-{number}")
        for name, share in shares.items()
        for number in range(3 * share if long else share)
    ]

    def one(run: tuple[Runner, str]) -> list[str]:
        runner, name = run
        with lent(free) as warm:
            runner = Runner(runner.home, runner.backend, warm)
            return disturbed(runner, name, Random(f"{runner.backend} {name}"))

    loaded = [f"rinzler_{name}.backend" for name in shares]
    with ExitStack() as stack:
        free = [None if long else stack.enter_context(Warm(*loaded)) for _ in range(2)]
        pool = stack.enter_context(ThreadPoolExecutor(2))
        for (runner, name), found in zip(runs, pool.map(one, runs), strict=True):
            assert found == [], f"{runner.backend}: {name}"
            count()


def test_what_is_not_the_same_is_seen(tmp_path: Path) -> None:
    runner = Runner(tmp_path, "numpy")
    for name, seed in (("one", "0"), ("other", "1")):
        runner.to_the_end(*FLAGS, "--seed", seed, "--run-dir", name)
    one, other = tmp_path / "one", tmp_path / "other"
    files = [f"step-{step:06d}.safetensors" for step in range(SAVE, STEPS + 1, SAVE)]
    assert differences(one, other) == [*files, "samples.txt", "metrics.jsonl"]
    assert differences(one, one) == []
    path = one / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = metrics(one)
    for spoilt in (lines[:50] + lines[49:], lines[:50] + lines[51:]):  # doubled, missing
        path.write_text("".join(spoilt), encoding="utf-8")
        assert metrics(one) != whole

"""Contenders as subprocesses, asked for a few steps each in turn.

A shared machine drifts: clocks move, neighbours wake up. Taken in turn, all contenders see the
same weather, so their ratio holds where their times do not. Between turns there is a short pause:
thread pools spin for some milliseconds after their last task and would eat the next one's cores.

Leaves out: what the numbers mean, which is `step.py`. Read next: `contenders/worker.py`.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAUSE_S = 0.3
TURN_S = 0.5  # about how long one turn lasts
HERE = Path(__file__).parent


@dataclass
class Side:
    """One contender: how to start it, what it said of itself, what it measured."""

    label: str  # "numba", "numba-eager", "torch-compile"
    module: str  # the file under contenders/ that serves it
    python: str  # the interpreter that has its packages
    about: dict[str, Any] = field(default_factory=dict)
    ms: list[float] = field(default_factory=list)  # one per measured step, milliseconds
    losses: list[float] = field(default_factory=list)  # of every step, warm-up first
    imports: int | None = None  # bytes that the process held after its imports
    peak: int | None = None  # the most bytes that it held from then on


class WorkerDied(RuntimeError):
    """A contender's process ended before it answered."""


class Process:
    """A subprocess that speaks JSON: a request and an answer are a line each."""

    def __init__(
        self, label: str, python: str, arguments: Sequence[str], env: Mapping[str, str]
    ) -> None:
        self.label = label
        self.python = python
        try:
            self._process = subprocess.Popen(
                [python, "-m", *arguments],
                cwd=HERE,  # so that -m finds contenders/, peers/ and configs.py
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        except OSError as error:
            raise WorkerDied(f"{label} cannot start under {python}: {error}") from error
        assert self._process.stdin is not None  # both were asked for above
        assert self._process.stdout is not None
        self._requests = self._process.stdin
        self._answers = self._process.stdout

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and wait for what comes back."""
        with suppress(BrokenPipeError):  # it has ended, and `answer` says so
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Its next line. Raises WorkerDied where there is none."""
        line = self._answers.readline()
        if not line:
            code = self._process.wait()
            raise WorkerDied(
                f"the process of {self.label} ended with exit code {code}; its own message "
                f"stands above. It ran under {self.python}; for torch, --torch-python names another"
            )
        return json.loads(line)

    def close(self) -> None:
        """Close its stdin, which ends it, and wait."""
        with suppress(BrokenPipeError):  # it ended first
            self._requests.close()
        self._process.wait(timeout=60)
        self._answers.close()


class Worker:
    """A contender's process, warmed up."""

    def __init__(self, side: Side, config: str, env: Mapping[str, str]) -> None:
        self.side = side
        arguments = [f"contenders.{side.module}", "--config", config, "--variant", side.label]
        self._process = Process(side.label, side.python, arguments, env)
        warm = self._process.answer()
        side.about = warm["ready"]
        side.imports = warm["imports"]
        side.losses += warm["losses"]
        side.peak = warm["peak"]
        self.steps_per_turn = max(1, min(20, round(1e3 * TURN_S / min(warm["ms"]))))

    def run(self, count: int) -> None:
        """Take `count` measured steps."""
        answer = self._process.ask({"run": count})
        self.side.ms += answer["ms"]
        self.side.losses += answer["losses"]
        self.side.peak = answer["peak"]

    def close(self) -> None:
        self._process.close()


def take_turns(sides: list[Side], config: str, steps: int, env: Mapping[str, str]) -> None:
    """Measure `steps` steps of every side, round robin, into `side.ms`."""
    workers: list[Worker] = []
    try:
        for side in sides:
            workers.append(Worker(side, config, env))
        # The slowest decides: with as many steps a turn for all, all see as many turns.
        per_turn = min(worker.steps_per_turn for worker in workers)
        for done in range(0, steps, per_turn):
            for worker in workers:
                time.sleep(PAUSE_S)
                worker.run(min(per_turn, steps - done))
    finally:
        for worker in workers:
            worker.close()

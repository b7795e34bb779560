"""Contenders as subprocesses, asked for a few steps each in turn.

A shared machine drifts: clocks move, neighbours wake up. Taken in turn, all contenders see the
same weather, so their ratio holds where their times do not. Between turns there is a short pause:
thread pools spin for some milliseconds after their last task and would eat the next one's cores.

The processes run with OpenBLAS unpinned: `OPENBLAS_CORETYPE` and `OPENBLAS_L2_SIZE`, which some
machines export, halve its speed and leave torch's MKL alone, so a ratio taken with them tells about
the environment and not about the code. `step.py` says so when it removes one.

Leaves out: what the numbers mean, which is `step.py`. Read next: `contenders/worker.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
PAUSE_S = 0.3
TURN_S = 0.5  # about how long one turn lasts
HERE = Path(__file__).parent


@dataclass
class Side:
    """One contender: how to start it, what it said of itself, what it measured."""

    label: str  # "numpy", "torch"
    module: str  # the file under contenders/ that serves it
    python: str  # the interpreter that has its packages
    about: dict[str, Any] = field(default_factory=dict)
    ms: list[float] = field(default_factory=list)  # one per measured step, milliseconds
    losses: list[float] = field(default_factory=list)  # of every step, warm-up first


class WorkerDied(RuntimeError):
    """A contender's process ended before it answered."""


class Worker:
    """A contender's process and the pipe to it."""

    def __init__(self, side: Side, config: str) -> None:
        self.side = side
        command = [side.python, "-m", f"contenders.{side.module}"]
        try:
            self._process = subprocess.Popen(
                [*command, "--config", config, "--variant", side.label],
                cwd=HERE,  # so that -m finds contenders/, peers/ and configs.py
                env={name: value for name, value in os.environ.items() if name not in PINS},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
        except OSError as error:
            raise WorkerDied(f"{side.label} cannot start under {side.python}: {error}") from error
        assert self._process.stdin is not None  # both were asked for above
        assert self._process.stdout is not None
        self._requests = self._process.stdin
        self._answers = self._process.stdout
        warm = self._answer()
        side.about = warm["ready"]
        side.losses += warm["losses"]
        self.steps_per_turn = max(1, min(20, round(1e3 * TURN_S / min(warm["ms"]))))

    def run(self, count: int) -> None:
        """Take `count` measured steps."""
        self._requests.write(json.dumps({"run": count}) + "\n")
        self._requests.flush()
        answer = self._answer()
        self.side.ms += answer["ms"]
        self.side.losses += answer["losses"]

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            code = self._process.wait()
            raise WorkerDied(
                f"the process of {self.side.label} ended with exit code {code}; its own message "
                f"stands above. It ran under {self.side.python}; for torch, --torch-python names "
                "another"
            )
        return json.loads(line)

    def close(self) -> None:
        """Close its stdin, which ends it, and wait."""
        self._requests.close()
        self._process.wait(timeout=60)
        self._answers.close()


def take_turns(sides: list[Side], config: str, steps: int) -> None:
    """Measure `steps` steps of every side, round robin, into `side.ms`."""
    workers: list[Worker] = []
    try:
        for side in sides:
            workers.append(Worker(side, config))
        # The slowest decides: with as many steps a turn for all, all see as many turns.
        per_turn = min(worker.steps_per_turn for worker in workers)
        for done in range(0, steps, per_turn):
            for worker in workers:
                time.sleep(PAUSE_S)
                worker.run(min(per_turn, steps - done))
    finally:
        for worker in workers:
            worker.close()

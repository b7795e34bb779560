"""The process behind one whole training run: text and seed in, validation loss and time out.

A run is a generator that stops now and then, so that `shakespeare.py` can let two runs go on in
turn: it yields once when all is built, which is not timed, and then what it has just spent its time
on, `STEPS` or `EVALUATION`. Its return value is the result. Progress goes to stderr.

Read next: `rinzler_run.py` and `torch_run.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from configs import SHAKESPEARE, RunConfig

READY, STEPS, EVALUATION = "ready", "steps", "evaluation"
CHUNK = 50  # steps between two stops

# (text, settings, backend or torch variant, seed) -> val_loss in nats, and what else belongs on the
# record
Run = Callable[[Path, RunConfig, str, int], Generator[str, None, dict[str, Any]]]


def serve_run(run: Run) -> None:
    """Carry out the run that the command line describes, a piece for each line on stdin.

    Every piece is answered with a line of JSON, the last one with the result.
    """
    parser = argparse.ArgumentParser(description="One run of benchmarks/shakespeare.py.")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    config = replace(SHAKESPEARE, steps=arguments.steps)
    pieces = run(arguments.text, config, arguments.variant, arguments.seed)
    seconds = {READY: 0.0, STEPS: 0.0, EVALUATION: 0.0}
    for _ in sys.stdin:
        start = time.perf_counter()
        try:
            seconds[next(pieces)] += time.perf_counter() - start
            answer: dict[str, Any] = {"result": None}
        except StopIteration as stop:
            answer = {"result": {**stop.value, "seconds": seconds}}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def progress(label: str, seed: int, step: int, loss: float) -> None:
    """Say on stderr every 250 steps that the run is alive."""
    if step % 250 == 0:
        print(f"{label}, seed {seed}: step {step}, loss {loss:.4f}", file=sys.stderr, flush=True)

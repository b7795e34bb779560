"""The process behind one whole training run: text and seed in, validation loss and time out.

`shakespeare.py` starts one for each run, so that no run warms another's caches. It writes a single
line of JSON at the end, and its progress to stderr. A contender is one file beside this one that
calls `serve_run`.

Read next: `rinzler_run.py` and `torch_run.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from configs import SHAKESPEARE, RunConfig

# (text, settings, backend or torch variant, seed) -> val_loss in nats, seconds, and what else
# belongs on the record
Run = Callable[[Path, RunConfig, str, int], dict[str, Any]]


def serve_run(run: Run) -> None:
    """Carry out the run that the command line describes."""
    parser = argparse.ArgumentParser(description="One run of benchmarks/shakespeare.py.")
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    config = replace(SHAKESPEARE, steps=arguments.steps)
    result = run(arguments.text, config, arguments.variant, arguments.seed)
    answer.write(json.dumps(result) + "\n")
    answer.flush()


def progress(label: str, seed: int, step: int, loss: float) -> None:
    """Say on stderr every 250 steps that the run is alive."""
    if step % 250 == 0:
        print(f"{label}, seed {seed}: step {step}, loss {loss:.4f}", file=sys.stderr, flush=True)

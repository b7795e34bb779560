"""The process behind one contender: it sets up, warms up, then takes steps when told to.

The protocol is one JSON object a line. After warm-up the worker writes `{"ready": ...}`; for each
request `{"run": k}` it takes k training steps and answers `{"ms": [...], "losses": [...]}`; a
closed stdin ends it. One process each, because two libraries in one process would share thread
pools and an allocator. A contender is one file beside this one that calls `serve`.

A step's time runs from the batch on the host to the loss read back and the device at rest.
Read next: `rinzler_step.py` and `torch_step.py`; the other end of the pipe is `../turns.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

import machine
import numpy as np
from configs import CONFIGS, StepConfig, batches


@dataclass(frozen=True)
class Contender:
    """A training step ready to be timed."""

    step: Callable[[np.ndarray, np.ndarray], float]  # (ids, targets), each (B, T) -> the loss
    about: Callable[[], dict[str, Any]]  # versions and settings, asked for after the warm-up


@dataclass(frozen=True)
class Maker:
    """How a contender comes to be, in two parts: what its imports take is counted apart."""

    load: Callable[[str], None]  # import all that the variant needs
    make: Callable[[StepConfig, str], Contender]


def blas_libraries() -> list[dict[str, Any]]:
    """The BLAS copies loaded into this process: kernel set, version, threads."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return [{"name": "unknown: threadpoolctl is not installed"}]
    return [
        {
            "name": pool["prefix"],
            "version": pool["version"],
            "kernel": pool.get("architecture"),
            "threads": pool["num_threads"],
        }
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]


def serve(maker: Maker) -> None:
    """Build the contender that the command line names and answer requests until stdin closes."""
    parser = argparse.ArgumentParser(description="One contender of benchmarks/step.py.")
    parser.add_argument("--config", choices=sorted(CONFIGS), required=True)
    parser.add_argument("--variant", required=True, help="a backend's or a torch variant's name")
    arguments = parser.parse_args()

    # Replies keep stdout to themselves: what a library prints goes to stderr.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    config = CONFIGS[arguments.config]
    data = batches(config)
    maker.load(arguments.variant)
    machine.forget_peak()
    imports = machine.resident()
    contender = maker.make(config, arguments.variant)
    taken = 0

    def run(count: int) -> dict[str, Any]:
        nonlocal taken
        times, losses = [], []
        for _ in range(count):
            ids, targets = data[taken % len(data)]
            start = time.perf_counter()
            losses.append(contender.step(ids, targets))
            times.append(1e3 * (time.perf_counter() - start))
            taken += 1
        return {"ms": times, "losses": losses, "peak": machine.peak()}

    warm = run(config.warmup)
    about = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas_libraries(),  # a contender that knows better says so in its `about`
        **contender.about(),
    }
    reply(replies, {"ready": about, "imports": imports, **warm})
    for line in sys.stdin:
        reply(replies, run(json.loads(line)["run"]))


def reply(stream: TextIO, message: dict[str, Any]) -> None:
    """One message, one line, sent at once."""
    stream.write(json.dumps(message) + "\n")
    stream.flush()

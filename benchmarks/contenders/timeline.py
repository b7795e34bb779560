"""Steps of one backend with a clock at every kernel, and without, in one process.

Prints one line of JSON: the rows of `timing.py`, and the times of whole steps as they are without
clocks. The two trainers take steps in turn. Read next: `../ops.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

from configs import CONFIGS, batches
from contenders.rinzler_step import EAGER, about, training
from contenders.timing import TimedBackend

from rinzler.ops import Device
from rinzler.plugins import open_device


def main() -> None:
    """Take steps and answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", choices=sorted(CONFIGS), required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--steps", type=int, required=True)
    arguments = parser.parse_args()
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    answer.write(json.dumps(measure(arguments.config, arguments.variant, arguments.steps)) + "\n")
    answer.flush()


def measure(name: str, variant: str, steps: int) -> dict[str, Any]:
    """Whole steps and rows, both after the warm-up."""
    config, data = CONFIGS[name], batches(CONFIGS[name])
    backend = variant.removesuffix(EAGER)
    device = open_device(backend)
    timed = TimedBackend(device.backend)
    trainer, plain = training(config, device, captured=backend == variant)
    _, clocked = training(config, Device(timed), captured=backend == variant)
    whole: list[float] = []
    for taken in range(config.warmup + steps):
        if taken == config.warmup:
            timed.rows.clear()
            whole.clear()
        start = time.perf_counter()
        plain(*data[taken % len(data)])
        whole.append(time.perf_counter() - start)
        clocked(*data[taken % len(data)])
        timed.take()
    rows = [
        {
            "op": row.op,
            "operands": [None if x is None else [list(x.shape), x.dtype] for x in row.operands],
            "calls": max(calls for calls, _ in row.steps),
            "seconds": [seconds for _, seconds in row.steps],
            "cost": row.cost,
        }
        for row in timed.rows.values()
    ]
    return {"steps": whole, "rows": rows, "about": about(trainer)}


if __name__ == "__main__":
    main()

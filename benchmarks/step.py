"""Time one training step of Rinzler's backends, side by side with PyTorch in one run.

    python benchmarks/step.py --backend numpy --config C1 --vs torch

A step is forward, cross-entropy, backward, clipping of the global gradient norm at 1.0, AdamW.
Every side is a process of its own with the same weights and batches (`configs.py`), warmed up and
then asked for a few steps in turn (`turns.py`). Before any time is printed the losses of all sides
are compared: a race between two different computations has no winner.

Read next: `README.md` for what the columns mean, `LOG.md` for what was tried.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import machine
from configs import CONFIGS, StepConfig
from report import report
from turns import PINS, Side, WorkerDied, take_turns

TORCH_VARIANTS = ("torch", "torch-plain-adamw", "torch-compile")
LOSS_TOLERANCE = 1e-3  # relative; float32 runs drift apart by about 1e-6 in this many steps
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure, print, and save where asked."""
    arguments = parse()
    sides = [Side(name, "rinzler_step", sys.executable) for name in arguments.backend]
    sides += [Side(name, "torch_step", arguments.torch_python) for name in arguments.vs]
    config = CONFIGS[arguments.config]
    unpinned = {name: os.environ[name] for name in PINS if name in os.environ}
    for name, value in unpinned.items():
        print(f"{name}={value} is set here; the measured processes run without it", file=sys.stderr)

    load_before = machine.load_average()
    try:
        take_turns(sides, arguments.config, arguments.steps)
        check_losses(sides)
    except (WorkerDied, LossesDiffer) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    summaries = [summary(side, config) for side in sides]
    result = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {"name": arguments.config, **dataclasses.asdict(config)},
        "machine": machine.describe(),
        "load": {"before": load_before, "after": machine.load_average()},
        "environment": {"removed": unpinned, **thread_settings()},
        "sides": summaries,
        "ratios": ratios(summaries),
    }
    print(json.dumps(result) if arguments.json else report(result))
    if arguments.save:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"step-{arguments.config}.jsonl"
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(result) + "\n")
        print(f"appended to {path}", file=sys.stderr)
    return 0


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Time one training step, backends against torch.")
    parser.add_argument("--backend", nargs="+", default=["numpy"], metavar="NAME")
    parser.add_argument("--config", choices=sorted(CONFIGS), default="C1")
    parser.add_argument("--vs", nargs="+", choices=TORCH_VARIANTS, default=[])
    parser.add_argument("--steps", type=int, default=60, help="measured steps per side")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--save", action="store_true", help="append the result to results/")
    parser.add_argument(
        "--torch-python",
        default=os.environ.get("RINZLER_BENCH_TORCH_PYTHON", sys.executable),
        metavar="PATH",
        help="the interpreter that has torch (RINZLER_BENCH_TORCH_PYTHON; default: this one)",
    )
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"--steps must be at least 1, got {arguments.steps}")
    return arguments


class LossesDiffer(RuntimeError):
    """Two sides did not compute the same thing."""


def check_losses(sides: list[Side]) -> None:
    """Raise LossesDiffer unless all sides saw the same losses, step by step."""
    first = sides[0]
    for other in sides[1:]:
        for step, (a, b) in enumerate(zip(first.losses, other.losses, strict=False), start=1):
            if not abs(a - b) <= LOSS_TOLERANCE * abs(b):  # written so that NaN is a difference
                raise LossesDiffer(
                    f"at step {step} {first.label} has loss {a:.6f} and {other.label} {b:.6f}; "
                    f"they must agree to {LOSS_TOLERANCE:g} or their times mean nothing"
                )


def summary(side: Side, config: StepConfig) -> dict[str, Any]:
    """One side's numbers: milliseconds a step and tokens a second, by median."""
    median = statistics.median(side.ms)
    return {
        "name": side.label,
        "steps": len(side.ms),
        "ms_min": round(min(side.ms), 3),
        "ms_median": round(median, 3),
        "tokens_per_second": round(1e3 * config.tokens / median),
        "loss_first": side.losses[0],
        "loss_last": side.losses[-1],
        "about": side.about,
    }


def ratios(sides: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The time of each backend over that of each torch variant; below 1 the backend is faster."""
    peers = [side for side in sides if side["name"] in TORCH_VARIANTS]
    return [
        {
            "of": side["name"],
            "to": peer["name"],
            "min": round(side["ms_min"] / peer["ms_min"], 3),
            "median": round(side["ms_median"] / peer["ms_median"], 3),
        }
        for side in sides
        if side not in peers
        for peer in peers
    ]


def thread_settings() -> dict[str, str]:
    """The variables of the environment that change what is measured."""
    prefixes = ("RINZLER_", "OMP_", "OPENBLAS_", "MKL_", "NUMBA_", "MALLOC_")
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(prefixes) and name not in PINS
    }


if __name__ == "__main__":
    sys.exit(main())

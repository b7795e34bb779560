"""Train a char-level GPT on Shakespeare at nanoGPT's CPU setting, and see what it has learnt.

    python benchmarks/shakespeare.py tinyshakespeare.txt

Speed alone proves little: a step may be fast and learn nothing. This is the whole way from text to
validation loss with the library's own parts, three seeds, beside PyTorch where asked. The settings
are `SHAKESPEARE` in `configs.py`; the loss is taken over all of the held-back tenth of the text.

Read next: `contenders/rinzler_run.py`, one run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import machine
from configs import SHAKESPEARE, SHAKESPEARE_LIMIT
from report import render
from turns import HERE, PINS

TORCH_VARIANTS = ("torch", "torch-plain-adamw", "torch-compile")


def main() -> int:
    """Run all seeds of all sides in turn; exit code 1 where the backend misses the limit."""
    arguments = parse()
    if not arguments.text.is_file():
        print(f"error: there is no text {arguments.text}", file=sys.stderr)
        return 2
    sides = [(arguments.backend, "rinzler_run", sys.executable)]
    sides += [(name, "torch_run", arguments.torch_python) for name in arguments.vs]
    print(f"{machine.cpu_model()}, {machine.usable_cores()} cores, load {machine.load_average()}")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name, _, _ in sides}
    for seed in range(arguments.seeds):
        for name, module, python in sides:
            done = one_run(python, module, name, seed, arguments)
            if done is None:
                print(f"error: {name} under {python} failed with seed {seed}", file=sys.stderr)
                return 3
            runs[name].append(done)
    print(table(runs))
    print(f"load {machine.load_average()} after")
    return verdict(runs[arguments.backend], arguments.steps)


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Validation loss of a char-level GPT.")
    parser.add_argument("text", type=Path, help="a text file; bytes are the tokens")
    parser.add_argument("--backend", default="numpy", metavar="NAME")
    parser.add_argument("--vs", nargs="+", choices=TORCH_VARIANTS, default=[])
    parser.add_argument("--seeds", type=int, default=3, help="runs per side, from seed 0")
    parser.add_argument("--steps", type=int, default=SHAKESPEARE.steps)
    parser.add_argument(
        "--torch-python",
        default=os.environ.get("RINZLER_BENCH_TORCH_PYTHON", sys.executable),
        metavar="PATH",
        help="the interpreter that has torch (RINZLER_BENCH_TORCH_PYTHON; default: this one)",
    )
    arguments = parser.parse_args()
    arguments.text = arguments.text.resolve()  # the runs have another working directory
    if arguments.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {arguments.seeds}")
    if arguments.steps <= SHAKESPEARE.warmup:
        parser.error(
            f"--steps must be above the warmup of {SHAKESPEARE.warmup}, got {arguments.steps}"
        )
    return arguments


def one_run(
    python: str, module: str, variant: str, seed: int, arguments: argparse.Namespace
) -> dict[str, Any] | None:
    """A run in a process of its own, with OpenBLAS unpinned as in `turns.py`; None if it failed."""
    command = [python, "-m", f"contenders.{module}", "--text", str(arguments.text)]
    command += ["--variant", variant, "--seed", str(seed), "--steps", str(arguments.steps)]
    env = {name: value for name, value in os.environ.items() if name not in PINS}
    done = subprocess.run(
        command, cwd=HERE, env=env, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def table(runs: dict[str, list[dict[str, Any]]]) -> str:
    """One row for each run, then the medians."""
    rows = [["side", "seed", "first loss", "last 50", "validation", "seconds"]]
    for name, results in runs.items():
        keys = ("first_loss", "last_losses", "val_loss", "seconds")
        columns = [[result[key] for result in results] for key in keys]
        lines = [(str(seed), values) for seed, values in enumerate(zip(*columns, strict=True))]
        lines.append(("median", tuple(statistics.median(column) for column in columns)))
        for seed, (first, last, val, seconds) in lines:
            rows.append([name, seed, f"{first:.4f}", f"{last:.4f}", f"{val:.4f}", f"{seconds:.1f}"])
    return render(rows, right=(2, 3, 4, 5))


def verdict(results: list[dict[str, Any]], steps: int) -> int:
    """Against the limit, which holds for the full number of steps only."""
    if steps != SHAKESPEARE.steps:
        return 0
    median = statistics.median(result["val_loss"] for result in results)
    met = median <= SHAKESPEARE_LIMIT
    print(
        f"median validation loss {median:.4f} nats over {results[0]['val_tokens']:,} tokens; "
        f"limit {SHAKESPEARE_LIMIT:.2f}: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

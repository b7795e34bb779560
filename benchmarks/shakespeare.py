"""Train a char-level GPT on Shakespeare at nanoGPT's CPU setting: how well, and in what time?

    python benchmarks/shakespeare.py tinyshakespeare.txt --backend numba --vs torch

Speed alone proves little: a step may be fast and learn nothing. This is the whole way from text to
validation loss with the library's own parts, three seeds, beside nanoGPT's loop in PyTorch where
asked. For each seed the sides go on in turn, fifty steps each, so that all see the same weather;
their time is that of their own pieces. The settings are `SHAKESPEARE` in `configs.py`; the loss is
taken over all of the held-back tenth of the text.

Read next: `contenders/rinzler_run.py` and `contenders/torch_run.py`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import environment
import machine
from configs import SHAKESPEARE, SHAKESPEARE_LIMIT
from report import about_text, render
from step import MODES, VS, contenders
from summary import PEER
from turns import PAUSE_S, Process, Side, WorkerDied

Results = dict[str, list[dict[str, Any]]]  # a result for each seed of each side


def main() -> int:
    """Run all seeds of all sides; exit code 1 where the first backend misses the limit."""
    arguments = parse()
    if not arguments.text.is_file():
        print(f"error: there is no text {arguments.text}", file=sys.stderr)
        return 2
    environment.announce(arguments.pin)
    load = machine.load_average()
    sides = contenders(arguments)
    results: Results = {side.label: [] for side in sides}
    try:
        for seed in range(arguments.seeds):
            for name, result in run_together(sides, seed, arguments).items():
                results[name].append(result)
    except WorkerDied as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    print(machine.headline(load) + "\n")
    print(table(results) + "\n")
    for line in speed_lines(results):
        print(line)
    for name, (result, *_) in results.items():
        print(f"{name}: {about_text(result['about'])}")
    return verdict(results[sides[0].label], arguments.steps)


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(
        description="Validation loss of a char-level GPT, and its time."
    )
    parser.add_argument("text", type=Path, help="a text file; bytes are the tokens")
    parser.add_argument("--backend", nargs="+", default=["numpy"], metavar="NAME")
    parser.add_argument("--mode", nargs="+", choices=MODES, default=["captured"])
    parser.add_argument("--vs", nargs="+", choices=VS, default=[], help="torch: eager and compiled")
    parser.add_argument("--seeds", type=int, default=3, help="runs per side, from seed 0")
    parser.add_argument("--steps", type=int, default=SHAKESPEARE.steps)
    parser.add_argument("--pin", metavar="CORE", help="OPENBLAS_CORETYPE for all sides: Haswell")
    environment.add_torch_python(parser)
    arguments = parser.parse_args()
    arguments.text = arguments.text.resolve()  # the runs have another working directory
    if arguments.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {arguments.seeds}")
    if arguments.steps <= SHAKESPEARE.warmup:
        parser.error(
            f"--steps must be above the warmup of {SHAKESPEARE.warmup}, got {arguments.steps}"
        )
    return arguments


def run_together(
    sides: list[Side], seed: int, arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """One seed of every side, piece by piece in turn, each in a process of its own."""
    processes: dict[str, Process] = {}
    results: dict[str, dict[str, Any]] = {}
    options = ["--text", str(arguments.text), "--seed", str(seed), "--steps", str(arguments.steps)]
    try:
        for side in sides:
            module = f"contenders.{side.module.removesuffix('_step')}_run"
            command = [module, "--variant", side.label, *options]
            env = environment.measured(arguments.pin)
            processes[side.label] = Process(side.label, side.python, command, env)
        while len(results) < len(sides):
            for name, process in processes.items():
                if name not in results:
                    time.sleep(PAUSE_S)
                    result = process.ask({"go": True})["result"]
                    if result is not None:
                        results[name] = result
    finally:
        for process in processes.values():
            process.close()
    return results


def total(result: dict[str, Any]) -> float:
    """Seconds of steps and evaluations."""
    return sum(result["seconds"].values()) - result["seconds"]["ready"]


def table(results: Results) -> str:
    """One row for each run, then the medians."""
    titles = ["first loss", "last 50", "validation", "s of steps", "s of evaluations", "seconds"]
    rows = [["side", "seed", *titles]]
    for name, runs in results.items():
        lines = [
            (
                *(run[key] for key in ("first_loss", "last_losses", "val_loss")),
                *(run["seconds"][key] for key in ("steps", "evaluation")),
                total(run),
            )
            for run in runs
        ]
        middle = tuple(statistics.median(column) for column in zip(*lines, strict=True))
        for seed, values in [*enumerate(lines), ("median", middle)]:
            losses, seconds = values[:3], values[3:]
            cells = [*(f"{x:.4f}" for x in losses), *(f"{x:.1f}" for x in seconds)]
            rows.append([name, str(seed), *cells])
    return render(rows, right=range(2, 8))


def speed_lines(results: Results) -> list[str]:
    """Each backend beside the peer that is fastest, by the median over seeds."""
    peers = [name for name in results if name.startswith(PEER)]
    if not peers:
        return []
    best = min(peers, key=lambda name: statistics.median(map(total, results[name])))
    lines = []
    for name in results:
        if name not in peers:
            pairs = zip(results[name], results[best], strict=True)
            ratios = [total(theirs) / total(ours) for ours, theirs in pairs]
            lines.append(
                f"{name} is {statistics.median(ratios):.2f} times as fast as {best}, the fastest "
                f"of the peers (median of {len(ratios)} seeds, {min(ratios):.2f} to "
                f"{max(ratios):.2f})"
            )
    return lines


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

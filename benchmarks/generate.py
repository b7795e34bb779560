"""Time a text of 512 ids: with keys and values kept, without, and in an eager PyTorch loop.

    python benchmarks/generate.py --backend numba --vs torch whole --runs 3

One sequence, from one id until the context is full, the likeliest id each time. Every side is a
process of its own with the same weights, warmed up and then asked for a few texts in turn
(`turns.py`). Before any time is printed the texts of all sides are compared, id by id.
Read next: `contenders/rinzler_generate.py` and `contenders/torch_generate.py`.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import environment
import machine
from configs import CONFIGS
from contenders.rinzler_generate import WHOLE
from report import render, speed_lines
from summary import LossesDiffer, check_losses, is_peer, of_run, over_runs
from turns import Side, WorkerDied, take_turns

CONFIG = "G1"
PEERS = ("torch-eager", "torch-eager-1")


def main() -> int:
    """Measure and print."""
    arguments = parse()
    config = CONFIGS[CONFIG]
    env = environment.measured()
    environment.announce()
    load_before = machine.load_average()
    runs = []
    try:
        for _ in range(arguments.runs):
            sides = contenders(arguments)
            take_turns(sides, CONFIG, arguments.texts, env)
            check_losses(sides)
            runs.append(of_run(sides, compared_with))
    except (WorkerDied, LossesDiffer) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    print(machine.headline(load_before))
    print(table(over_runs(runs, config)))
    return 0


def compared_with(label: str) -> bool:
    """PyTorch, and the way without what is kept."""
    return is_peer(label) or label.endswith(WHOLE)


def contenders(arguments: argparse.Namespace) -> list[Side]:
    """Backends, the same without what they keep, and PyTorch."""
    names = [*arguments.backend]
    if "whole" in arguments.vs:
        names += [name + WHOLE for name in arguments.backend]
    peers = PEERS if "torch" in arguments.vs else ()
    return [Side(name, "rinzler_generate", sys.executable) for name in names] + [
        Side(name, "torch_generate", arguments.torch_python) for name in peers
    ]


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Time a text of 512 ids.")
    parser.add_argument("--backend", nargs="+", default=["numpy"], metavar="NAME")
    parser.add_argument("--vs", nargs="+", choices=("torch", "whole"), default=[])
    parser.add_argument("--texts", type=int, default=CONFIGS[CONFIG].steps, help="of each side")
    parser.add_argument("--runs", type=int, default=1, help="runs to take the median of")
    environment.add_torch_python(parser)
    arguments = parser.parse_args()
    for name in ("texts", "runs"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(arguments, name)}")
    return arguments


def table(result: dict[str, Any]) -> str:
    """A row for each side, then the speeds in words."""
    rows = [["side", "ms a text, min", "median", "tokens/s by min", "texts"]]
    for name, side in result["sides"].items():
        pace = 1e3 * CONFIGS[CONFIG].tokens / side["ms_min"]
        times = f"{side['ms_min']:.1f}", f"{side['ms_median']:.1f}"
        rows.append([name, *times, f"{pace:,.0f}", str(side["steps"])])
    return "\n".join([render(rows, right=(1, 2, 3, 4)), "", *speed_lines(result)])


if __name__ == "__main__":
    sys.exit(main())

"""How much memory does a training run take at its peak, beyond what its imports take?

    python benchmarks/memory.py --backend numba --config C3 --vs torch

Every side is a process of its own, one after the other: it imports all it needs, notes how much it
holds, then builds model and optimizer and takes some steps. The system counts the peak (VmHWM in
proc(5)), so nothing escapes: allocators, machine code, thread stacks. Linux only.

For a captured step the arena stands beside the most that is alive at one time in it, below which
no plan can go. Read next: `contenders/worker.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import environment
import machine
from configs import CONFIGS
from report import render
from step import MODES, VS, contenders
from turns import Side, Worker, WorkerDied


def main() -> int:
    """Measure and print; exit code 3 where a process fails or the system does not count."""
    arguments = parse()
    if machine.peak() is None:
        print("error: this system does not count a process's peak: it takes Linux", file=sys.stderr)
        return 3
    environment.announce()
    sides = contenders(arguments)
    try:
        fill_caches(arguments)
        for side in sides:
            run(side, arguments.config, arguments.steps)
    except WorkerDied as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    rows = [row_of(side) for side in sides]
    result = {
        "config": arguments.config,
        "machine": machine.describe(),
        "sides": rows,
        "ratios": ratios(rows),
    }
    print(json.dumps(result) if arguments.json else report(result))
    return 0


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Peak memory of some training steps.")
    parser.add_argument("--backend", nargs="+", default=["numba"], metavar="NAME")
    parser.add_argument("--mode", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--config", choices=sorted(CONFIGS), default="C3")
    parser.add_argument("--vs", nargs="+", choices=VS, default=[])
    parser.add_argument("--steps", type=int, default=4, help="steps after the warm-up")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    environment.add_torch_python(parser)
    return parser.parse_args()


def run(side: Side, config: str, steps: int) -> None:
    """One process from start to end; what it measured is in `side` then."""
    worker = Worker(side, config, environment.measured())
    worker.run(steps)
    worker.close()


def fill_caches(arguments: argparse.Namespace) -> None:
    """Compile each backend's kernels in a process that does not count: users pay that once."""
    for name in arguments.backend:
        run(Side(name, "rinzler_step", sys.executable), "C1", 1)


def row_of(side: Side) -> dict[str, Any]:
    """Bytes of one side."""
    assert side.imports is not None  # Linux tells both
    assert side.peak is not None
    return {
        "side": side.label,
        "imports": side.imports,
        "peak": side.peak,
        "beyond": side.peak - side.imports,
        "capture": side.about.get("capture"),
        "about": side.about,
    }


def ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each backend takes over what torch takes where it takes least."""
    peers = [row["beyond"] for row in rows if row["side"].startswith("torch")]
    ours = [row for row in rows if not row["side"].startswith("torch")]
    if not peers:
        return []
    return [{"of": row["side"], "ratio": row["beyond"] / min(peers)} for row in ours]


def report(result: dict[str, Any]) -> str:
    """The result for a reader; 1 MB is a million bytes."""
    rows = [["side", "imports", "peak", "beyond", "arena", "alive at once", "arena / alive"]]
    for row in result["sides"]:
        cells = [f"{row[key] / 1e6:.1f}" for key in ("imports", "peak", "beyond")]
        capture = row["capture"]
        if capture is not None:
            cells += [f"{capture[key] / 1e6:.1f}" for key in ("arena", "peak")]
            cells.append(f"{capture['arena'] / capture['peak']:.3f}")
        rows.append([row["side"], *cells, *[""] * (6 - len(cells))])
    host = result["machine"]
    return "\n".join(
        [
            f"{result['config']}: memory of a training run, MB",
            f"{host['cpu']}, {host['cores']} cores, {host['system']}",
            "",
            render(rows, right=range(1, 7)),
            "",
            *(
                f"{each['of']} takes {each['ratio']:.2f} times what torch takes at its best, "
                "beyond the imports"
                for each in result["ratios"]
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

"""Do two backends train alike? The losses of some hundred AdamW steps, one beside the other.

    python benchmarks/losses.py --backend numba --to numpy

Same weights, same batches, each backend in a process of its own. Exit code 1 where two losses of
one step differ by more than one in a hundred thousand.

Read next: `contenders/rinzler_step.py`; `curve.py` draws the losses of one run.
"""

from __future__ import annotations

import argparse
import sys

import environment
import machine
from configs import CONFIGS
from report import about_text
from turns import Side, Worker, WorkerDied

LIMIT = 1e-5  # relative


def main() -> int:
    """Print the worst difference and where it is."""
    arguments = parse()
    environment.announce()
    sides = [Side(name, "rinzler_step", sys.executable) for name in arguments.backend]
    sides.append(Side(arguments.to, "rinzler_step", sys.executable))
    more = arguments.steps - CONFIGS[arguments.config].warmup
    try:
        for side in sides:
            worker = Worker(side, arguments.config, environment.measured())
            worker.run(more)
            worker.close()
    except WorkerDied as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    print(machine.headline())
    for side in sides:
        print(f"{side.label}: {about_text(side.about)}")
    *ours, reference = sides
    met = [verdict(side, reference, arguments.config) for side in ours]
    return 0 if all(met) else 1


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Losses of a backend beside another's.")
    parser.add_argument("--backend", nargs="+", default=["numba"], metavar="NAME")
    parser.add_argument("--to", default="numpy", metavar="NAME", help="the backend to agree with")
    parser.add_argument("--config", choices=sorted(CONFIGS), default="C1")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    least = CONFIGS[arguments.config].warmup
    if arguments.steps <= least:
        parser.error(f"--steps must be above {least}, got {arguments.steps}")
    return arguments


def verdict(side: Side, reference: Side, config: str) -> bool:
    """Print one line; True where the worst difference is within the limit."""
    pairs = zip(side.losses, reference.losses, strict=True)
    apart = [abs(a - b) / abs(b) for a, b in pairs]
    # NaN compares as within any limit, so it has to be asked for.
    met = all(each <= LIMIT for each in apart)
    worst = max(range(len(apart)), key=lambda step: apart[step])
    print(
        f"{side.label} and {reference.label}, {config}, {len(apart)} steps from "
        f"{reference.losses[0]:.4f} to {reference.losses[-1]:.4f}: worst relative difference "
        f"{apart[worst]:.1e} at step {worst + 1}; limit {LIMIT:g}: {'met' if met else 'MISSED'}"
    )
    return met


if __name__ == "__main__":
    sys.exit(main())

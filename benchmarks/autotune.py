"""Does the tuner find what an exhaustive search would, and how much sooner?

    python benchmarks/autotune.py --rigor normal

Searches once as `rinzler-autotune` does, then measures every cell of the same grid for as long as
the survivors of the search were measured, then times the two winners in turns, side by side. The
measure: the pick within 5 % of the best, in a third of the time.
Read next: `rinzler/autotune/tuner.py`.
"""

from __future__ import annotations

import argparse
import statistics
from time import perf_counter

import machine

from rinzler.autotune import RIGORS, Row, Tuner, Workload
from rinzler.autotune.grid import Cell, batches, cells, places, thread_counts
from rinzler.autotune.trial import Trial
from rinzler.config import GPTConfig, TrainConfig
from rinzler.plugins import plugins

WORKLOAD = Workload(GPTConfig(vocab_size=757), TrainConfig())  # what rinzler-train makes
TURNS = 10


def main() -> None:
    """Search both ways, and compare."""
    arguments = parse()
    rigor = RIGORS[arguments.rigor]
    found = places(plugins().reports("described"), None, None)
    counts = thread_counts(None, rigor.thorough)
    sizes = batches(WORKLOAD, None, rigor.batches)
    begun = perf_counter()
    tuner = Tuner(WORKLOAD, found, counts, sizes, rigor)
    tuner.run()
    adaptive = perf_counter() - begun
    pick = tuner.best
    assert pick is not None

    grid = [cell for survey in tuner.surveys for cell in cells(survey, counts, sizes)]
    begun = perf_counter()
    paces = {cell: exhaustively(cell, rigor.rounds + 1, rigor.window) for cell in grid}
    exhaustive = perf_counter() - begun
    best = max(paces, key=lambda cell: paces[cell])
    ratio = 1.0 if best == pick.cell else side_by_side(pick.cell, best, rigor.window)

    host = machine.describe()
    print(f"{host['cpu']}, {host['cores']} cores, {host['system']}")
    for cell in sorted(paces, key=lambda cell: -paces[cell]):
        print(f"  {shown(cell):<40} {paces[cell]:>10,.0f} tok/s")
    print(f"picked     {shown(pick.cell)} in {adaptive:.0f} s")
    print(
        f"exhaustive {shown(best)} in {exhaustive:.0f} s, {exhaustive / adaptive:.2f} times as long"
    )
    print(
        f"side by side the pick has {ratio:.3f} of the pace of the best (median of {TURNS} turns)"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The tuner beside an exhaustive search.")
    parser.add_argument("--rigor", choices=RIGORS, default="normal")
    return parser.parse_args()


def started(cell: Cell) -> Trial:
    trial = Trial(dict(cell.tunables))
    trial.ask(120, do="open", backend=cell.place.name, threads=cell.threads)
    trial.ask(120, do="prepare", workload=cell.workload(WORKLOAD).to_json())
    return trial


def exhaustively(cell: Cell, windows: int, seconds: float) -> float:
    """Tokens a second, over as many windows as a survivor of the search gets."""
    row = Row(cell, tokens=cell.batch_size * cell.accumulate * WORKLOAD.model.context)
    with started(cell) as trial:
        for _ in range(windows):
            row.windows.append(trial.ask(120, do="measure", seconds=seconds, least=3)["times"])
    return row.pace


def side_by_side(one: Cell, other: Cell, seconds: float) -> float:
    """The pace of one as a share of the other's: the median over turns."""
    with started(one) as first, started(other) as second:
        shares = []
        for _ in range(TURNS):
            pair = [
                statistics.median(trial.ask(120, do="measure", seconds=seconds, least=3)["times"])
                for trial in (first, second)
            ]
            shares.append(pair[1] / pair[0])
    return statistics.median(shares)


def shown(cell: Cell) -> str:
    threads = f", {cell.threads} threads" if cell.threads else ""
    return f"{cell.place.name}{threads}, {cell.batch_size} x {cell.accumulate}"


if __name__ == "__main__":
    main()

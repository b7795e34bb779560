"""What measured sides come to: times, speed-ups, and whether they computed the same thing.

A run is one set of processes that took turns. Runs differ by more than their steps do (memory lies
elsewhere, another neighbour is awake), so a speed-up is the median over runs of the ratio within
each. PyTorch counts as the better of its sides: `torch` is no process but the best of those.

Read next: `report.py`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from configs import StepConfig
from turns import Side

LOSS_TOLERANCE = 1e-3  # relative; float32 runs drift apart by about 1e-6 in this many steps
PEER = "torch"  # how names of the peer's sides begin


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


def is_peer(name: str) -> bool:
    """Whether a side is one to be compared with, by its name."""
    return name.startswith(PEER)


def of_run(sides: list[Side], compared: Callable[[str], bool] = is_peer) -> dict[str, Any]:
    """One run: the times of each side, and its speed beside each peer's."""
    times = {
        side.label: {
            "steps": len(side.ms),
            "ms_min": round(min(side.ms), 3),
            "ms_median": round(statistics.median(side.ms), 3),
            "loss_first": side.losses[0],
            "loss_last": side.losses[-1],
        }
        for side in sides
    }
    return {"sides": times, "speedups": speedups(times, compared)}


def speedups(
    times: dict[str, dict[str, Any]], compared: Callable[[str], bool] = is_peer
) -> list[dict[str, Any]]:
    """The time of each peer over that of each backend; above 1 the backend is faster."""
    torch = [row for name, row in times.items() if is_peer(name)]
    peers = {name: row for name, row in times.items() if compared(name)}
    if len(torch) > 1:
        best = {key: min(row[key] for row in torch) for key in ("ms_min", "ms_median")}
        peers = {f"{PEER} at its best": best, **peers}
    return [
        {
            "of": name,
            "over": peer,
            "min": round(theirs["ms_min"] / ours["ms_min"], 3),
            "median": round(theirs["ms_median"] / ours["ms_median"], 3),
        }
        for name, ours in times.items()
        if not compared(name)
        for peer, theirs in peers.items()
    ]


def over_runs(runs: Sequence[dict[str, Any]], config: StepConfig) -> dict[str, Any]:
    """All runs as one: medians of their minima, of their medians and of their speed-ups."""
    sides = {}
    for name, first in runs[0]["sides"].items():
        rows = [run["sides"][name] for run in runs]
        middle = statistics.median(row["ms_median"] for row in rows)
        sides[name] = {
            **first,
            "ms_min": statistics.median(row["ms_min"] for row in rows),
            "ms_median": middle,
            "tokens_per_second": round(1e3 * config.tokens / middle),
        }
    found = []
    for index, first in enumerate(runs[0]["speedups"]):
        each = {key: [run["speedups"][index][key] for run in runs] for key in ("min", "median")}
        middles = {key: statistics.median(values) for key, values in each.items()}
        found.append({**first, **middles, "runs": each})
    return {"sides": sides, "speedups": found}

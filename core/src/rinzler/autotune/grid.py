"""Which candidates there are: backend × device × threads × batch × what a backend offers itself.

The global batch is what the training needs, so it stays: a candidate with smaller batches takes
more of them to an update (`accumulate`). Whoever names batch sizes wants to know about those, and
each is a batch of its own.
Read next: `tuner.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from rinzler.autotune.workload import Workload
from rinzler.errors import BackendError
from rinzler.plugins import PluginReport, list_devices

Tunables = tuple[tuple[str, str], ...]  # variables of the environment, ("RINZLER_X_TILE", "48")


@dataclass(frozen=True)
class Place:
    """A backend on one of its devices, and why it is not tried, if it is not."""

    name: str  # "numba", "vulkan:1"
    version: str = ""  # "rinzler-numba 0.1.0"
    reason: str = ""
    has_devices: bool = False  # as backends of GPUs have
    named: bool = False  # by the person who asked


@dataclass(frozen=True)
class Survey:
    """What a place said when it was opened."""

    place: Place
    device: str
    threaded: bool
    seconds: float  # to open it
    parity: float | None  # its worst deviation from the reference; None if there is no reference
    tunables: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Cell:
    """One candidate."""

    place: Place
    threads: int | None
    batch_size: int
    accumulate: int
    tunables: Tunables = ()

    def workload(self, whole: Workload) -> Workload:
        training = replace(whole.training, batch_size=self.batch_size, accumulate=self.accumulate)
        return replace(whole, training=training)


def places(reports: Iterable[PluginReport], named: str | None, number: int | None) -> list[Place]:
    """Every backend that is installed, or the one that is named; each of its devices a place.

    With a `number`, backends that have a choice of devices are tried on that one alone; the others
    as ever. A backend that runs on nothing but software is unavailable by its own probe, and is
    tried only where its device is named, or it is allowed by a variable of its own.
    """
    found = []
    for report in reports:
        # A plugin that must not be imported never got to say what it offers.
        harmful = report.kind == "plugin" and report.state == "broken"
        if not (report.kind == "backend" or harmful) or (named and report.name != named):
            continue
        version = f"{report.distribution} {report.version}"
        numbers = [None] if harmful else _numbers(report, number, bool(named))
        # A device that is named may be one that the backend would not take.
        ready = report.state in ("ready", "open") or (number is not None and numbers == [number])
        reason = "" if ready else f"{report.state}: {report.reason}"
        for each in numbers if ready else [None]:
            suffix = "" if each is None else f":{each}"
            place = Place(report.name + suffix, version, reason, each is not None, bool(named))
            found.append(place)
    return found


def _numbers(report: PluginReport, number: int | None, named: bool) -> list[int | None]:
    """The devices to try; None stands for a backend that has no choice of them."""
    if number is None and report.state not in ("ready", "open"):
        return [None]
    if number is not None and named:
        return [number]  # what is wrong with it, the backend says best
    with suppress(BackendError):
        count = len(list_devices(f"{report.distribution}:{report.name}"))
        if count:
            return list(range(count)) if number is None else [number]
    return [None]


def batches(workload: Workload, sizes: Sequence[int] | None, most: int) -> list[tuple[int, int]]:
    """(batch size, accumulate), the largest batch first, at most so many."""
    if sizes:
        return [(size, 1) for size in sorted(set(sizes), reverse=True)]
    total = workload.sequences
    divisors = [size for size in range(total, 0, -1) if total % size == 0]
    halves = [size for size in divisors if (total // size).bit_count() == 1]  # 1, 2, 4, … to one
    return [(size, total // size) for size in halves[:most]]


def thread_counts(given: Sequence[int] | None, thorough: bool) -> list[int]:
    """How many threads to try, the most first: all cores, and half of them or every power of 2."""
    if given:
        return sorted(set(given), reverse=True)
    cores = available_cores()
    powers = {1 << bit for bit in range(cores.bit_length()) if 1 << bit < cores}
    fewer = powers if thorough else {cores // 2} - {0}
    return sorted({cores, *fewer}, reverse=True)


def available_cores() -> int:
    """Those that this process may use: a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cells(survey: Survey, threads: Sequence[int], sizes: Sequence[tuple[int, int]]) -> list[Cell]:
    """All candidates of a place, the likeliest first: most threads, largest batch, no tunable."""
    counts: Sequence[int | None] = threads if survey.threaded else [None]
    own = [()] + [((name, value),) for name, values in survey.tunables for value in values]
    return [
        Cell(survey.place, count, size, accumulate, tunables)
        for tunables, count, (size, accumulate) in product(own, counts, sizes)
    ]


def describe(cell: Cell) -> dict[str, Any]:
    """A candidate for programs."""
    return {
        "backend": cell.place.name,
        "threads": cell.threads,
        "batch_size": cell.batch_size,
        "accumulate": cell.accumulate,
        "tunables": dict(cell.tunables),
    }

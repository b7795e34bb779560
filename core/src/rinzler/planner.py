"""Rung 8a: where each temporary of a recorded step lies, decided before the step runs.

A step is a list of calls that read and write numbered temporaries. The naive plan is `one_by_one`:
every temporary has a place of its own, one after the other. It is right, and wasteful: most of them
are needed for two or three calls out of hundreds.

`planned` gives the same memory to temporaries whose lives do not meet, in two moves:
  1. In place. Where a call reads a temporary for the last time and its kernel may write over it,
     the result takes its place, if both have one size (the rule of ggml's allocator).
  2. Packing. What is left are intervals: so many bytes from this call to that one. The largest
     first, each goes into the tightest gap between those that are there already and alive at the
     same time (Pisarchyk and Lee 2020, arXiv:2001.03288, greedy by size). The least arena is a hard
     problem; this comes within a few percent of `peak`, below which no plan can go.

Pure functions of numbers: no arrays, no device. Read next: `capture.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as far as memory goes; temporaries are numbers."""

    writes: tuple[int, ...]
    reads: tuple[int, ...]
    # Temporaries among `reads` that the kernel may overwrite by its first output, `writes[0]`.
    over: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Byte offsets of all temporaries in one arena, and how large it is."""

    offsets: tuple[int, ...]
    nbytes: int


class Life(NamedTuple):
    """A piece of memory that is needed from one call to another, both included."""

    first: int
    last: int
    nbytes: int


def one_by_one(
    calls: Sequence[Call], sizes: Sequence[int], kept: Collection[int], alignment: int
) -> Plan:
    """The naive plan: no two temporaries share a byte, whatever the calls are."""
    offsets, end = [], 0
    for nbytes in sizes:
        offsets.append(end)
        end += rounded(nbytes, alignment)
    return Plan(tuple(offsets), end)


def planned(
    calls: Sequence[Call], sizes: Sequence[int], kept: Collection[int], alignment: int
) -> Plan:
    """Temporaries that are never alive together may share bytes; `kept` live to the end."""
    places, lives = shared(calls, sizes, kept, alignment)
    offsets = packed(lives)
    ends = [offset + life.nbytes for offset, life in zip(offsets, lives, strict=True)]
    return Plan(tuple([offsets[place] for place in places]), max(ends, default=0))


def peak(calls: Sequence[Call], sizes: Sequence[int], kept: Collection[int], alignment: int) -> int:
    """The most bytes that are alive at one time, with results in place: the least of all arenas."""
    _, lives = shared(calls, sizes, kept, alignment)
    change = [0] * (len(calls) + 2)
    for life in lives:
        change[life.first] += life.nbytes
        change[life.last + 1] -= life.nbytes
    most = alive = 0
    for difference in change:
        alive += difference
        most = max(most, alive)
    return most


def shared(
    calls: Sequence[Call], sizes: Sequence[int], kept: Collection[int], alignment: int
) -> tuple[list[int], list[Life]]:
    """Move 1: which place each temporary has, and the lives of the places."""
    first, last = lifetimes(calls, len(sizes), kept)
    place = [-1] * len(sizes)
    lives: list[Life] = []
    for number in sorted(range(len(sizes)), key=lambda each: first[each]):
        nbytes, born = rounded(sizes[number], alignment), first[number]
        over = calls[born].over if calls and calls[born].writes[:1] == (number,) else ()
        dying = [each for each in over if last[each] == born and sizes[each] == sizes[number]]
        if dying:
            place[number] = place[dying[0]]
            lives[place[number]] = lives[place[number]]._replace(last=last[number])
        else:
            place[number] = len(lives)
            lives.append(Life(born, last[number], nbytes))
    return place, lives


def lifetimes(
    calls: Sequence[Call], count: int, kept: Collection[int]
) -> tuple[list[int], list[int]]:
    """The first and the last call that touches each temporary."""
    first, last = [0] * count, [-1] * count
    for index, call in enumerate(calls):
        for number in (*call.writes, *call.reads):
            if last[number] < 0:
                first[number] = index
            last[number] = index
    for number in kept:
        last[number] = len(calls)
    return first, last


def packed(lives: Sequence[Life]) -> list[int]:
    """Move 2: an offset for each life, so that no two overlap in time and in bytes."""
    offsets = [0] * len(lives)
    done: list[int] = []
    for number in sorted(range(len(lives)), key=lambda each: -lives[each].nbytes):
        life = lives[number]
        beside = [
            (offsets[other], offsets[other] + lives[other].nbytes)
            for other in done
            if lives[other].first <= life.last and life.first <= lives[other].last
        ]
        offsets[number] = tightest(sorted(beside), life.nbytes)
        done.append(number)
    return offsets


def tightest(taken: Sequence[tuple[int, int]], nbytes: int) -> int:
    """Where the smallest gap that holds `nbytes` starts; `taken` is sorted."""
    best, room, end = -1, 0, 0
    for start, stop in taken:
        gap = start - end
        if gap >= nbytes and (best < 0 or gap < room):
            best, room = end, gap
        end = max(end, stop)
    return end if best < 0 else best


def rounded(nbytes: int, alignment: int) -> int:
    """Up to the next multiple."""
    return -(-nbytes // alignment) * alignment

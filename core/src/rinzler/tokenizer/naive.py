"""Byte-pair encoding, as one would explain it.

Start from bytes. Find the pair of neighbours that occurs most often, give it an id of its own,
replace it everywhere, and begin again: so "t" and "h" become "th", then "th" and "e" become "the",
and what is frequent gets short (Gage 1994, "A New Algorithm for Data Compression"; Sennrich et al.
2016, "Neural Machine Translation of Rare Words with Subword Units").
Ids 0 to 255 are the bytes, 256 is the end of a text, and merge number k makes id 257 + k. Digits
stay alone, so that every number is written in one way only; so does the end of a text, so that no
token reaches from one document into the next.
Leaves out: speed. It counts everything again for each merge. Read next: `merging.py`, which finds
the same merges and the same ids without that, and is held to this file by tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, pairwise

Pair = tuple[int, int]  # the ids of two neighbours

END = 256  # the end of a text, between documents
FIRST = 257  # what the first merge makes
ALONE = frozenset({*b"0123456789", END})  # ids that no merge takes


def learn(ids: Iterable[int]) -> Iterator[Pair]:
    """The merges of a text, best first, until no pair occurs twice.

    Best is what occurs most often, then what has the smaller left id, then the smaller right id.
    Occurrences may overlap: "aaa" counts twice for ("a", "a").
    """
    ids = list(ids)
    for new in count(FIRST):
        pairs = Counter(pair for pair in pairwise(ids) if ALONE.isdisjoint(pair))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            return
        yield best
        ids = replace(ids, best, new)


def encode(ids: Iterable[int], merges: Sequence[Pair]) -> list[int]:
    """The ids of a text: every merge in the order in which it was learnt."""
    ids = list(ids)
    for rank, pair in enumerate(merges):
        ids = replace(ids, pair, FIRST + rank)
    return ids


def replace(ids: list[int], pair: Pair, new: int) -> list[int]:
    """The ids with `new` for every occurrence of the pair, taken from left to right.

    >>> replace([97, 97, 97, 98], (97, 97), 257)
    [257, 97, 98]
    """
    replaced = []
    place = 0
    while place < len(ids):
        if tuple(ids[place : place + 2]) == pair:
            replaced.append(new)
            place += 2
        else:
            replaced.append(ids[place])
            place += 1
    return replaced

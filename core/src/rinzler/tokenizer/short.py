"""Byte-pair encoding of a prompt.

For a hundred bytes, numpy spends more time on being called than on the work. Here each single
occurrence waits in a heap, ordered by the rank of its merge and then from left to right, and plain
lists link the tokens: about a microsecond for each byte, in N log N steps whatever the text.
Leaves out: long texts, where `merging.py` is many times faster. Read next: `bpe.py`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from itertools import pairwise

from rinzler.tokenizer.merging import GONE
from rinzler.tokenizer.naive import END, FIRST, Pair


def encode(ids: Iterable[int], ranks: Mapping[Pair, int]) -> list[int]:
    """The ids of a text, as `naive.encode` finds them; `ranks` counts the merges from 0."""
    tokens = [END, *ids, END]  # no merge takes END, so every token has two neighbours
    after = list(range(1, len(tokens) + 1))
    before = list(range(-1, len(tokens) - 1))
    waiting = [(ranks[pair], place) for place, pair in enumerate(pairwise(tokens)) if pair in ranks]
    heapq.heapify(waiting)
    while waiting:
        rank, place = heapq.heappop(waiting)
        second = after[place]
        # The pair may have been taken apart since, by a merge that stood before it.
        if ranks.get((tokens[place], tokens[second])) != rank:
            continue
        new = tokens[place] = FIRST + rank
        tokens[second] = GONE
        third = after[place] = after[second]
        before[third] = place
        first = before[place]
        for at, pair in ((first, (tokens[first], new)), (place, (new, tokens[third]))):
            if pair in ranks:
                heapq.heappush(waiting, (ranks[pair], at))
    return [token for token in tokens[1:-1] if token != GONE]

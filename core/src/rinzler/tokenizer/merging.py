"""Byte-pair encoding in time that grows with the text and hardly with the number of merges.

A merge changes the text only where its pair stands, so the text is a chain of tokens in arrays and
every pair knows its places. One fact makes that cheap: two tokens become neighbours at the moment
when the younger of them is made, and never later. So the places of a pair are found once, all
together, and can only become fewer. No list is ever added to; whoever uses one first drops the
places where the pair no longer stands. For the same reason a count that has been overtaken is too
high, never too low, and a heap can hold it until it comes to the top.
numpy does each step for all places of a pair at once: 1 MB takes about half a second.
Leaves out: texts beyond memory; it takes about 50 bytes for each byte of text.
Read next: `short.py`, for prompts.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, count

import numpy as np

from rinzler.errors import DataError
from rinzler.tokenizer.naive import ALONE, END, FIRST, Pair

GONE = -1  # the id of a token that was merged into the one before it
MOST = 2**31 - 3  # bytes of text whose places fit in int32

# Is a pair worth remembering, given how often it occurs?
Wanted = Callable[[Pair, int], bool]


class Chain:
    """A text of N ids as tokens that know their neighbours, and pairs that know their places.

    A token's place is that of its first byte and stays the same. The text stands between two ends
    of text, so that every token in it has two neighbours.
    """

    def __init__(self, ids: np.ndarray, wanted: Wanted) -> None:
        size = len(ids) + 2
        if len(ids) > MOST:
            raise DataError(
                f"the text has {len(ids):,} bytes, and a tokenizer reads at most {MOST:,} at once. "
                "Name fewer files, or smaller ones"
            )
        self.ids = np.full(size, END, np.int32)  # (N + 2,)
        self.ids[1:-1] = ids
        self.next = np.arange(1, size + 1, dtype=np.int32)
        self.prev = np.arange(-1, size - 1, dtype=np.int32)
        self.places: dict[Pair, np.ndarray] = {}  # ascending; some may have lost the pair since
        self._wanted = wanted
        self._index_bytes()

    def find(self, pair: Pair) -> np.ndarray:
        """The places where the pair stands now, ascending; overlapping ones too."""
        left, right = pair
        places = self.places[pair]
        stands = (self.ids[places] == left) & (self.ids[self.next[places]] == right)
        places = self.places[pair] = places[stands]
        return places

    def merge(self, pair: Pair, new: int) -> list[tuple[Pair, int]]:
        """Replace the pair by the id `new`; returns the wanted pairs that this made, with counts.

        `new` must be greater than any id before it.
        """
        at = self.find(pair)
        del self.places[pair]
        if pair[0] == pair[1]:
            at = _without_overlap(at, self.next)
        second = self.next[at]
        after = self.next[second]
        self.ids[at] = new
        self.ids[second] = GONE
        self.next[at] = after
        self.prev[after] = at
        before = self.prev[at]  # only now: the token before may be a new one, too
        left, right = self.ids[before], self.ids[after]
        old = left != new  # where two new tokens meet, the first tells of it as its right side
        return self._remember(
            chain(
                (((other, new), places) for other, places in _groups(left[old], before[old])),
                (((new, other), places) for other, places in _groups(right, at)),
            )
        )

    def tokens(self) -> np.ndarray:
        """The ids that are left, int32."""
        return self.ids[self.ids != GONE][1:-1]

    def _index_bytes(self) -> None:
        left, right = self.ids[:-1], self.ids[1:]
        at = np.flatnonzero((left != END) & (right != END)).astype(np.int32)
        codes = left[at] << 8 | right[at]
        self._remember(((code >> 8, code & 255), places) for code, places in _groups(codes, at))

    def _remember(self, found: Iterable[tuple[Pair, np.ndarray]]) -> list[tuple[Pair, int]]:
        wanted = []
        for pair, places in found:
            if self._wanted(pair, len(places)):
                self.places[pair] = places
                wanted.append((pair, len(places)))
        return wanted


def learn(ids: np.ndarray) -> Iterator[Pair]:
    """The merges of a text, as `naive.learn` finds them."""
    text = Chain(ids, lambda pair, times: times >= 2 and ALONE.isdisjoint(pair))
    # Most frequent first, then the smaller ids. Each pair stands in the heap once.
    heap = [(-len(places), pair) for pair, places in text.places.items()]
    heapq.heapify(heap)
    for new in count(FIRST):
        best = _pop_best(heap, text)
        if best is None:
            return
        yield best
        for pair, times in text.merge(best, new):
            heapq.heappush(heap, (-times, pair))


def _pop_best(heap: list[tuple[int, Pair]], text: Chain) -> Pair | None:
    """The best pair that occurs twice or more, with its places up to date; None if there is none.

    Counts in the heap may be too high. Where that is so at the top, the pair goes back with the
    true one, and the next on top is looked at.
    """
    while heap:
        claimed, pair = heap[0]
        times = len(text.find(pair))
        if times == -claimed:
            heapq.heappop(heap)
            return pair
        if times >= 2:
            heapq.heapreplace(heap, (-times, pair))
        else:
            heapq.heappop(heap)
            del text.places[pair]
    return None


def encode(ids: np.ndarray, ranks: Mapping[Pair, int]) -> np.ndarray:
    """The ids of a text, int32, as `naive.encode` finds them; `ranks` counts the merges from 0."""
    text = Chain(ids, lambda pair, _: pair in ranks)
    for pair, rank in ranks.items():
        if pair in text.places:  # many a merge has nothing to do in this text
            text.merge(pair, FIRST + rank)
    return text.tokens()


def _groups(keys: np.ndarray, places: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """For every different key its places, in the order in which they came."""
    if not len(keys):
        return
    if keys.max() < 1 << 16:
        keys = keys.astype(np.uint16)  # numpy sorts 16 bits by counting, in linear time
    order = np.argsort(keys, kind="stable")
    keys, places = keys[order], places[order]
    starts = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist()]
    ends = [*starts[1:], len(keys)]
    for key, start, end in zip(keys[starts].tolist(), starts, ends, strict=True):
        yield key, places[start:end]


def _without_overlap(places: np.ndarray, next_: np.ndarray) -> np.ndarray:
    """Every second place of each run in which one occurrence overlaps the next: "aaaa" is 2 pairs.

    The places are those of a pair of equal tokens, ascending.
    """
    number = np.arange(len(places))
    begins = np.ones(len(places), bool)
    begins[1:] = next_[places[:-1]] != places[1:]
    first = np.maximum.accumulate(np.where(begins, number, 0))  # of the run that each belongs to
    return places[(number - first) % 2 == 0]

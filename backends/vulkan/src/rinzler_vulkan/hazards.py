"""Where barriers belong: the fewest that keep every call behind those it depends on. Pure Python.

The naive form puts a barrier before every call. But two calls depend on each other only if they
touch the same bytes and one of them writes; dX and dW of a layer do not. Commands run in order and
a barrier orders all before it against all after it, so the rule is: remember what was touched since
the last barrier, and put the next one as late as possible, before the first call that conflicts
with it. That is the least number possible (the greedy stabbing of intervals: each barrier answers a
conflict whose interval starts after the barrier before).

Leaves out: reordering calls. Read next: `recorder.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Access(NamedTuple):
    """Bytes [start, end) of a chunk that a call touches."""

    chunk: int
    start: int
    end: int
    writes: bool


class Hazards:
    """What was touched since the last barrier."""

    def __init__(self, always: bool = False) -> None:
        self.always = always  # a barrier before every call: to test the minimal list against
        self._reads: dict[int, list[tuple[int, int]]] = {}
        self._writes: dict[int, list[tuple[int, int]]] = {}

    def clear(self) -> None:
        """A barrier was put for another reason."""
        self._reads.clear()
        self._writes.clear()

    def take(self, accesses: Iterable[Access]) -> bool:
        """Note a call; True where a barrier belongs in front of it."""
        needed = self.always or any(self._conflicts(each) for each in accesses)
        if needed:
            self.clear()
        for chunk, start, end, writes in accesses:
            table = self._writes if writes else self._reads
            table.setdefault(chunk, []).append((start, end))
        return needed

    def _conflicts(self, access: Access) -> bool:
        chunk, start, end, writes = access
        for low, high in self._writes.get(chunk, ()):
            if start < high and low < end:
                return True
        if writes:
            for low, high in self._reads.get(chunk, ()):
                if start < high and low < end:
                    return True
        return False

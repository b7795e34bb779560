"""Free stretches of one block of memory: first fit, neighbours joined. Pure Python.

Few and large requests come here, since core's allocator keeps and reuses what it got, so a sorted
list is enough. Read next: `memory.py`.
"""

from __future__ import annotations

from bisect import bisect_left, insort


class FreeList:
    """Which bytes of [0, size) are free."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.stretches = [(0, size)]  # (start, length), sorted, never touching

    def allocate(self, nbytes: int) -> int | None:
        """The start of so many bytes, or None where no stretch is long enough."""
        for index, (start, length) in enumerate(self.stretches):
            if length < nbytes:
                continue
            if length == nbytes:
                del self.stretches[index]
            else:
                self.stretches[index] = (start + nbytes, length - nbytes)
            return start
        return None

    def release(self, start: int, nbytes: int) -> None:
        """Give back what `allocate` returned."""
        index = bisect_left(self.stretches, (start, 0))
        if index < len(self.stretches) and self.stretches[index][0] == start + nbytes:
            nbytes += self.stretches.pop(index)[1]
        if index and sum(self.stretches[index - 1]) == start:
            before, length = self.stretches.pop(index - 1)
            start, nbytes = before, length + nbytes
        insort(self.stretches, (start, nbytes))

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is in use."""
        return self.stretches == [(0, self.size)]

"""Room for what calls need in passing: one buffer, handed out in a circle.

The scratch of one list of calls must not overlap itself; that of the next list may overlap it, for
hazards are found by bytes and a barrier keeps them apart. Going round instead of starting over
makes such barriers rare. Read next: `recorder.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rinzler_vulkan.call import Call, Scratch
from rinzler_vulkan.memory import ALIGNMENT, Buffer, Memory, Pool

LEAST = 1 << 20  # bytes


def needed(calls: Sequence[Call]) -> dict[Scratch, int]:
    """The scratch of a list of calls, with sizes as they are handed out."""
    return {
        x: -(-x.nbytes // ALIGNMENT) * ALIGNMENT
        for call in calls
        for x in call.operands
        if isinstance(x, Scratch)
    }


class Workspace:
    """The buffer and where its free part begins."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.buffer: Buffer | None = None
        self._next = 0

    def place(self, calls: Sequence[Call]) -> dict[Scratch, Memory]:
        """A place for each scratch of a list. Raises OutOfDeviceMemory."""
        sizes = needed(calls)
        if not sizes:
            return {}
        total = sum(sizes.values())
        if self.buffer is None or self.buffer.nbytes < total:
            self.buffer = self.pool.allocate(max(LEAST, 2 * total))
            self._next = 0
        if self._next + total > self.buffer.nbytes:
            self._next = 0
        places = {}
        for x, nbytes in sizes.items():
            places[x] = Memory(self.buffer, self._next, x.shape, x.dtype)
            self._next += nbytes
        return places


def settled(call: Call, places: dict[Scratch, Memory]) -> list[Memory | None]:
    """The operands of a call with scratch in place."""
    return [places[x] if isinstance(x, Scratch) else x for x in call.operands]

"""The caching allocator: buffers go back to a free list when their last user goes.

Why: a fresh buffer per op costs a CPU backend half of its speed, because the C library returns
large blocks to the system and every op then pays the page faults again. A training step asks for
the same sizes in the same order every time, so a free list by size class answers nearly all of
them. Buffers are returned by reference count, at once, also with the garbage collector off.

What lies idle is capped by the most that was ever in use at one time, so the process never holds
more than twice its need. Read next: `device.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

from rinzler.errors import BackendError, OutOfMemoryError
from rinzler.ops.backend import Backend

SMALLEST = 256  # bytes
ADVICE = "use a smaller --batch-size, --context or --d-model"
IDLE_FLOOR = 64 << 20  # bytes: below this much idle memory nothing is given back

_serials = count()


@lru_cache(maxsize=4096)
def size_class(nbytes: int) -> int:
    """Round up to one of eight steps per power of two: at most an eighth is wasted."""
    if nbytes <= SMALLEST:
        return SMALLEST
    step = 1 << max((nbytes - 1).bit_length() - 4, 5)
    return -(-nbytes // step) * step


@dataclass(slots=True)
class MemoryStats:
    """Counters in bytes, but for the two counts of requests."""

    live: int = 0
    peak: int = 0
    idle: int = 0
    requests: int = 0
    hits: int = 0


class Block:
    """One buffer in use. Every array over it holds it; the last to go returns the buffer."""

    __slots__ = ("__weakref__", "allocator", "bounds", "buffer", "label", "nbytes", "serial")

    def __init__(self, allocator: Allocator, buffer: Any, nbytes: int) -> None:
        self.allocator = allocator
        self.buffer = buffer
        self.nbytes = nbytes
        self.serial = next(_serials)  # buffers come back, serials do not
        self.bounds: tuple[int, int] | None = None  # of the ids in it, where they are known
        self.label: Hashable = None  # what a device keeps it as: ("constant", "0.5", "float32")
        allocator.in_use[self.serial] = buffer

    def __del__(self) -> None:
        if self._was_in_use():
            self.allocator.release(self.buffer, self.nbytes)

    def _was_in_use(self) -> bool:
        """Whether there is something to give back: Ctrl-C may have left a block half made."""
        return hasattr(self, "label") and self.allocator.in_use.pop(self.serial, None) is not None


class Arena(Block):
    """A block of its exact size, for many arrays. It goes back to the backend, not to a list."""

    __slots__ = ()

    def __del__(self) -> None:
        if self._was_in_use():
            self.allocator.stats.live -= self.nbytes


class Allocator:
    """Free lists by size class over `Backend.alloc`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.stats = MemoryStats()
        self.free: OrderedDict[int, list[Any]] = OrderedDict()  # least recently used class first
        # Where blocks sit in a cycle, the collector finalizes all that only they hold, and a buffer
        # that is finalized and then handed out again belongs to two. Held here, it is left alone.
        self.in_use: dict[int, Any] = {}  # by the serial of its block

    def allocate(self, nbytes: int) -> Block:
        """A block of at least `nbytes`. Raises OutOfMemoryError, after giving back all idle."""
        nbytes = size_class(nbytes)
        stats = self.stats
        stats.requests += 1
        buffers = self.free.get(nbytes)
        if buffers:
            buffer = buffers.pop()
            stats.hits += 1
            stats.idle -= nbytes
        else:
            buffer = self._fresh(nbytes)
        stats.live += nbytes
        stats.peak = max(stats.peak, stats.live)
        return Block(self, buffer, nbytes)

    def arena(self, nbytes: int) -> Arena:
        """One block that lasts. What lies idle goes back first: the arena takes its place."""
        self.trim()
        buffer = self._fresh(max(nbytes, SMALLEST))
        self.stats.live += nbytes
        self.stats.peak = max(self.stats.peak, self.stats.live)
        return Arena(self, buffer, nbytes)

    def release(self, buffer: Any, nbytes: int) -> None:
        self.stats.live -= nbytes
        self.stats.idle += nbytes
        self.free.setdefault(nbytes, []).append(buffer)
        self.free.move_to_end(nbytes)
        limit = max(IDLE_FLOOR, self.stats.peak)
        if self.stats.idle > limit:
            self.trim(limit)

    def trim(self, limit: int = 0) -> None:
        """Give idle buffers back to the backend until at most `limit` bytes are idle."""
        while self.free and self.stats.idle > limit:
            nbytes, buffers = next(iter(self.free.items()))
            while buffers and self.stats.idle > limit:
                buffers.pop()
                self.stats.idle -= nbytes
            if not buffers:
                del self.free[nbytes]

    def _fresh(self, nbytes: int) -> Any:
        try:
            return self.backend.alloc(nbytes)
        except MemoryError:
            self.trim()
        try:
            return self.backend.alloc(nbytes)
        except MemoryError as error:
            # A backend may know how much there is in all, and what to do about it.
            told = str(error) if isinstance(error, BackendError) else ADVICE
            raise OutOfMemoryError(
                f"backend {self.backend.name!r} has no {nbytes / 2**20:.1f} MiB left "
                f"({self.stats.live / 2**20:.1f} MiB in use); {told}"
            ) from error

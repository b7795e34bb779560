"""`Null`: a backend that computes nothing and keeps nothing, but counts what it was asked for.

The planner, the tape, the allocator and the footprint are about calls and bytes, not about numbers.
Over this backend gigabytes cost nothing and a step takes no time, memory can run out when a test
wants it to, and each buffer says when it was given back. The rest is `Hollow`, which core itself
rehearses runs on.

Leaves out: numbers. What is downloaded is 0. Read next: `loopback.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from rinzler.footprint import Hollow
from rinzler.ops import Backend
from rinzler.ops.tape import Tape
from rinzler.plugins import open_device


class Buffer:
    """A token for memory, which says when it was given back."""

    def __init__(self, owner: Null, nbytes: int) -> None:
        self.owner = owner
        self.nbytes = nbytes
        owner.held += nbytes
        owner.most = max(owner.most, owner.held)

    def __del__(self) -> None:
        self.owner.held -= self.nbytes


class Null(Hollow):
    """The kernels, dtypes and limits of `inner` (numpy's), none of its memory and arithmetic."""

    def __init__(self, inner: Backend | None = None, capacity: int = 2**50) -> None:
        super().__init__(inner or open_device("numpy").backend)
        self.name = "null"
        self.capacity = capacity  # bytes
        self.held = 0  # bytes that are given out
        self.most = 0  # the most that ever were
        self.allocated: list[int] = []  # each request, in bytes
        self.tapes: list[Tape] = []  # each step that was captured

    def alloc(self, nbytes: int) -> Buffer:
        if self.held + nbytes > self.capacity:
            raise MemoryError(f"no room for {nbytes}")
        self.allocated.append(nbytes)
        return Buffer(self, nbytes)

    def compile(self, tape: Tape) -> Callable[[], None] | None:
        self.tapes.append(tape)
        return None

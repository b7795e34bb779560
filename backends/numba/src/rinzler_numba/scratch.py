"""Memory for what a block needs in passing: as many pieces as there are threads.

A piece for each block would be more memory than a cache holds, so every block would find its own
cold. Instead a block takes a free piece, and gives it back at its end: a thread mostly gets the one
that it had before. Which piece a block has is chance, but it reads nothing there that it did not
write. Pieces are taken by one atomic addition; whoever holds one is at work on a block, so waiting
for a piece, where several Python threads run kernels at once, ends.

Read next: `attention.py`, which uses it.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from rinzler_numba.native import fetch_add, pause
from rinzler_numba.threads import pool

LINE = 64  # bytes of a cache line: each mark has its own
_marks = np.zeros((pool.most + 1) * LINE // 8, np.int64)  # how many want a piece: 0 is free


class Scratch(NamedTuple):
    """Pieces of memory; the numbers go among a kernel's args."""

    memory: np.ndarray  # keeps it alive
    marks: int  # address
    pieces: int
    address: int  # of the first piece
    room: int  # bytes of one

    @property
    def args(self) -> tuple[int, int, int, int]:
        return self[1:]


_last: Scratch | None = None


def scratch(nbytes: int) -> Scratch:
    """Pieces of at least so many bytes, from a cache line's boundary on.

    The same memory serves every call until one needs more.
    """
    global _last  # noqa: PLW0603 - one for the process, as the threads are
    if _last is None or _last.room < nbytes:
        room = -(-nbytes // LINE) * LINE
        pieces = _marks.size * 8 // LINE
        memory = np.empty(pieces * room + LINE, np.uint8)
        start = memory.ctypes.data
        _last = Scratch(memory, _marks.ctypes.data, pieces, start + -start % LINE, room)
    return _last


@register_jitable
def take(marks: int, pieces: int) -> int:
    """The number of a piece that nobody else has until `give`."""
    while True:
        for piece in range(pieces):
            mark = marks + LINE * piece
            if fetch_add(mark, 1) == 0:
                return piece
            fetch_add(mark, -1)
        pause()


@register_jitable
def give(marks: int, piece: int) -> None:
    fetch_add(marks + LINE * piece, -1)


def _forget() -> None:
    """In a child process none of the threads is there that held a piece."""
    _marks[:] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

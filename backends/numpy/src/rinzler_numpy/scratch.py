"""Memory for what a kernel needs in passing, and the blocks that keep it small.

A kernel may not allocate: a fresh temporary pays page faults that cost more than the arithmetic.
So each thread keeps a few buffers, one for each slot number, as large as their largest use so far.
Slot k is the k-th temporary of whichever kernel runs; what was in it before is gone, so a kernel
that holds a slot must not call another that takes the same one.

Blocks bound the largest use. Working through a matrix some rows at a time keeps every temporary
inside a core's own cache, and five passes over a warm block cost less than two over main memory.
Read next: `elementwise.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import prod

import numpy as np

BLOCK = 256 * 1024  # bytes: two or three such blocks fit into a level 2 cache of 1 MB


class Scratch(threading.local):
    """`scratch(slot, shape, dtype)`: an array of arbitrary contents, valid until its next use."""

    def __init__(self) -> None:  # runs once in each thread: that is what threading.local does
        self._buffers: dict[int, np.ndarray] = {}

    def __call__(self, slot: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        nbytes = prod(shape) * dtype.itemsize
        buffer = self._buffers.get(slot)
        if buffer is None or buffer.nbytes < nbytes:
            buffer = self._buffers[slot] = np.empty(nbytes, np.uint8)
        return np.ndarray(shape, dtype, buffer)


scratch = Scratch()


def row_blocks(x: np.ndarray, nbytes: int = BLOCK) -> Iterator[slice]:
    """Slices that cover the first axis of x, each of about `nbytes` and at least one row."""
    rows = len(x)
    step = max(1, nbytes * rows // x.nbytes)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))

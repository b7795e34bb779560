"""What a kernel receives: an address with a shape and a dtype.

Read next: `backend.py`, which makes them.
"""

from __future__ import annotations

from math import prod

import numpy as np

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
DTYPES = {name: np.dtype(name) for name in ("float32", "int32")}


class Buffer:
    """Bytes from a 64-byte boundary on. Raises MemoryError where there are not that many."""

    __slots__ = ("address", "bytes")

    def __init__(self, nbytes: int) -> None:
        try:
            block = np.empty(nbytes + ALIGNMENT, np.uint8)
        except ValueError as error:  # numpy's word for more bytes than an address can count
            raise MemoryError(f"{nbytes} bytes are more than this machine can address") from error
        start = -block.ctypes.data % ALIGNMENT
        self.bytes = block[start : start + nbytes]
        self.address = self.bytes.ctypes.data


class Memory:
    """A shape and a dtype laid over a buffer."""

    __slots__ = ("address", "buffer", "dtype", "offset", "shape", "size")

    def __init__(self, buffer: Buffer, offset: int, shape: tuple[int, ...], dtype: str) -> None:
        self.buffer = buffer
        self.offset = offset
        self.address = buffer.address + offset
        self.shape = shape
        self.dtype = dtype
        self.size = prod(shape)

    def array(self) -> np.ndarray:
        """The same memory as numpy sees it."""
        return np.ndarray(self.shape, DTYPES[self.dtype], self.buffer.bytes, self.offset)

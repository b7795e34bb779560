"""`fill` and `move`: everything that sets or rearranges memory without arithmetic.

A strided copy is an assignment between two views of the same shape. Read next: `reduce.py`.
"""

from __future__ import annotations

import numpy as np


def fill(out: np.ndarray, *, value: float) -> None:
    out.fill(value)


def strided(
    x: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> np.ndarray:
    """A view of x's memory; strides and offset count elements. Refuses to leave that memory."""
    size = x.itemsize
    # The constructor checks the bounds, which numpy.lib.stride_tricks.as_strided does not, and
    # takes a tenth of its time.
    return np.ndarray(shape, x.dtype, x, offset * size, tuple([size * step for step in strides]))


def move(
    out: np.ndarray,
    x: np.ndarray,
    *,
    shape: tuple[int, ...],
    out_strides: tuple[int, ...],
    out_offset: int,
    x_strides: tuple[int, ...],
    x_offset: int,
) -> None:
    target = strided(out, shape, out_strides, out_offset)
    np.copyto(target, strided(x, shape, x_strides, x_offset))


KERNELS = {"fill": fill, "move": move}

"""Matrix products, all by BLAS through `np.matmul`, in blocks of rows on all cores.

Transposing is a view, which BLAS reads as it is; what numpy lacks is BLAS's own "add to the
output", so accumulating goes through scratch, a block of rows at a time. Read next: `gather.py`.
"""

from __future__ import annotations

import numpy as np

from rinzler_numpy.scratch import row_blocks, scratch
from rinzler_numpy.workers import product

PRODUCT = 4 << 20  # bytes; BLAS rearranges all of b for each block, so it must be a large one


def add_product(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    """out += a @ b, (M, K) @ (K, N) or a batch of them; blocks are cut along the first axis."""
    for rows in row_blocks(out, PRODUCT):
        part = scratch(0, out[rows].shape, out.dtype)
        product(a[rows], b if b.ndim == 2 else b[rows], part)
        out[rows] += part


def matmul(
    y: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    *,
    ta: bool = False,
    tb: bool = False,
    accumulate: bool = False,
) -> None:
    a = a.swapaxes(-1, -2) if ta else a
    b = b.swapaxes(-1, -2) if tb else b
    if accumulate:
        add_product(y, a, b)
    else:
        product(a, b, y)


def linear(y: np.ndarray, x: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> None:
    product(x, w, y)  # (N, in) @ (in, out) -> (N, out)
    if b is not None:
        y += b


KERNELS = {"matmul": matmul, "linear": linear}

"""Products of very few rows, (R, K) @ (K, N): what generating one token at a time consists of.

Each weight is used once per row, so the work is reading them, and it goes at the speed of memory: a
tile of eight rows would mostly compute nothing. Blocks own ranges of columns.
Read next: `linear.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler_numba.activation import gelu_of
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.memory import Memory
from rinzler_numba.native import floats, share
from rinzler_numba.vector import f4

FEW = 4  # rows; beyond that the tiles of `microkernel.py` are faster
LANES = 16


@kernel
def _rows_product(args: Any, block: int, blocks: int) -> None:
    """y[r] (+)= Σ_k x[r, k]·w[k] (+ b), w stored [K, N]: four rows of w at a time.

    With `activated` given, that becomes gelu(y).
    """
    y, x, w, b, r_count, n, k_count = (
        args[0], args[1], args[2], args[3], args[4], args[5], args[6],
    )  # fmt: skip
    accumulate, activated = args[7], args[8]
    left, right = share(n, block, blocks, LANES)
    width = right - left
    for r in range(r_count):
        row = floats(y + 4 * (r * n + left), width)
        factors = floats(x + 4 * r * k_count, k_count)
        if b != 0:
            bias = floats(b + 4 * left, width)
            for j in range(width):
                row[j] = bias[j]
        elif accumulate == 0:
            for j in range(width):
                row[j] = f4(0.0)
        whole = k_count - k_count % 4
        for k in range(0, whole, 4):
            w0 = floats(w + 4 * (k * n + left), width)
            w1 = floats(w + 4 * ((k + 1) * n + left), width)
            w2 = floats(w + 4 * ((k + 2) * n + left), width)
            w3 = floats(w + 4 * ((k + 3) * n + left), width)
            x0, x1, x2, x3 = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
            for j in range(width):
                row[j] += (x0 * w0[j] + x1 * w1[j]) + (x2 * w2[j] + x3 * w3[j])
        for k in range(whole, k_count):
            w0 = floats(w + 4 * (k * n + left), width)
            x0 = factors[k]
            for j in range(width):
                row[j] += x0 * w0[j]
        if activated != 0:
            curved = floats(activated + 4 * (r * n + left), width)
            for j in range(width):
                curved[j] = gelu_of(row[j])


@kernel
def _rows_product_transposed(args: Any, block: int, blocks: int) -> None:
    """y[r, j] (+)= x[r]·w[j], w stored [N, K]: a dot product for each, as a tied head needs."""
    y, x, w, r_count, n, k_count = args[0], args[1], args[2], args[3], args[4], args[5]
    accumulate = args[6]
    left, right = share(n, block, blocks, LANES)
    for j in range(left, right):
        weights = floats(w + 4 * j * k_count, k_count)
        for r in range(r_count):
            factors = floats(x + 4 * r * k_count, k_count)
            total = f4(0.0)
            for k in range(k_count):
                total += factors[k] * weights[k]
            place = floats(y + 4 * (r * n + j), 1)
            place[0] = place[0] + total if accumulate != 0 else total


def product(
    y: Memory,
    x: Memory,
    w: Memory,
    b: Memory | None,
    tb: bool = False,
    accumulate: bool = False,
    activated: Memory | None = None,
) -> list[Launch]:
    r_count, n = y.shape[-2:]
    k_count = x.shape[-1]
    blocks = pieces(n * k_count)
    if tb:
        return [_rows_product_transposed(y, x, w, r_count, n, k_count, accumulate, blocks=blocks)]
    blocks = min(blocks, -(-n // (4 * LANES)))
    sizes = (r_count, n, k_count, accumulate)
    return [_rows_product(y, x, w, b, *sizes, activated, blocks=blocks)]

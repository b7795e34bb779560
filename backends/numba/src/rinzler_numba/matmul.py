"""`matmul`, batched and with transpose flags. The formula: `rinzler.ops.matmul`.

Products of very few rows, as generation makes them, go to `rows.py`. Read next: `linear.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler_numba import rows
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.product import cut, part, product, straightened


@kernel
def _matmul(args: Any, block: int, blocks: int) -> None:
    """C = A @ B, or C += A @ B, of each of a batch; A as it is or transposed."""
    c, a, b, m, n, k = args[0], args[1], args[2], args[3], args[4], args[5]
    transposed, accumulate, down, across = args[6], args[7], args[8], args[9]
    item = block // (down * across)  # which product of the batch
    top, bottom, left, right = part(m, n, block % (down * across), down, across)
    a_row, a_step = (4, 4 * m) if transposed != 0 else (4 * k, 4)
    a += 4 * item * m * k + top * a_row
    b += 4 * item * k * n + 4 * left
    c += 4 * (item * m * n + top * n + left)
    start = c if accumulate != 0 else 0
    product(
        bottom - top, right - left, k, a, a_row, a_step, b, 4 * n, start, 4 * n, c, 4 * n
    )  # fmt: skip


@planned
def matmul(
    y: Memory, a: Memory, b: Memory, *, ta: bool, tb: bool, accumulate: bool
) -> list[Launch]:
    m, n = y.shape[-2:]
    k = a.shape[-2] if ta else a.shape[-1]
    batch = y.size // (m * n)
    if batch == 1 and m <= rows.FEW and not ta:
        return rows.product(y, a, b, None, tb, accumulate)
    down, across = cut(m, n, k)
    sizes = (m, n, k, ta, accumulate, down, across)
    blocks = batch * down * across
    if not tb:
        return [_matmul(y, a, b, *sizes, blocks=blocks)]
    first, straight = straightened(b)
    return [first, _matmul(y, a, straight.ctypes.data, *sizes, blocks=blocks, kept=straight)]


KERNELS = {"matmul": matmul}

"""Linear layers: `linear`, `linear_gelu` and `linear_bwd`. The formulas: `rinzler.ops.matmul`.

The bias is where the sums of a product start, and GELU is applied to a block right after its
product, while it lies in cache. Backward does dX, dW and db in one launch: blocks of dX, blocks of
dW over all N rows, and db by columns. No block waits for another and nothing is reduced across
threads. Read next: `gather.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from rinzler_numba import rows
from rinzler_numba.activation import gelu_of
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import floats, share
from rinzler_numba.product import cut, part, product, straightened
from rinzler_numba.vector import f4

LANES = 16


@kernel
def _linear(args: Any, block: int, blocks: int) -> None:
    """pre = x @ w + b for one block; with y given, y = gelu(pre) as well."""
    pre, x, w, b, y = args[0], args[1], args[2], args[3], args[4]
    m, n, k, down, across = args[5], args[6], args[7], args[8], args[9]
    top, bottom, left, right = part(m, n, block, down, across)
    place = 4 * (top * n + left)
    start = b + 4 * left if b != 0 else 0
    product(
        bottom - top, right - left, k, x + 4 * top * k, 4 * k, 4, w + 4 * left, 4 * n,
        start, 0, pre + place, 4 * n,
    )  # fmt: skip
    if y == 0:
        return
    for row in range(bottom - top):
        values = floats(pre + place + 4 * row * n, right - left)
        activated = floats(y + place + 4 * row * n, right - left)
        for j in range(right - left):
            activated[j] = gelu_of(values[j])


def forward(y: Memory | None, pre: Memory, x: Memory, w: Memory, b: Memory | None) -> list[Launch]:
    (m, k), n = x.shape, w.shape[1]
    down, across = cut(m, n, k)
    return [_linear(pre, x, w, b, y, m, n, k, down, across, blocks=down * across)]


@planned
def linear(y: Memory, x: Memory, w: Memory, b: Memory | None) -> list[Launch]:
    if x.shape[0] <= rows.FEW:
        return rows.product(y, x, w, b)
    return forward(None, y, x, w, b)


@planned
def linear_gelu(y: Memory, pre: Memory, x: Memory, w: Memory, b: Memory | None) -> list[Launch]:
    if x.shape[0] <= rows.FEW:
        return rows.product(pre, x, w, b, activated=y)
    return forward(y, pre, x, w, b)


@register_jitable
def add_column_sums(db: int, g: int, m: int, n: int, left: int, right: int) -> None:
    """db[left:right] += Σ over the m rows of g.

    In √m groups of √m rows: no sum is longer than that, so rounding errors stay small.
    """
    width = right - left
    if width <= 0:
        return
    total = floats(db + 4 * left, width)
    near = np.empty(width, np.float32)
    group = int(np.ceil(np.sqrt(m)))
    for start in range(0, m, group):
        for j in range(width):
            near[j] = f4(0.0)
        for row in range(start, min(start + group, m)):
            values = floats(g + 4 * (row * n + left), width)
            for j in range(width):
                near[j] += values[j]
        for j in range(width):
            total[j] += near[j]


@kernel
def _linear_bwd(args: Any, block: int, blocks: int) -> None:
    """dx = g @ wᵀ, dw += xᵀ @ g, db += Σ_m g: which of the three, the block's number says."""
    dx, dw, db, x, wt, g = args[0], args[1], args[2], args[3], args[4], args[5]
    m, n, k = args[6], args[7], args[8]  # x (m, k), wᵀ (n, k), g (m, n)
    if block < args[9] * args[10]:
        top, bottom, left, right = part(m, k, block, args[9], args[10])
        product(
            bottom - top, right - left, n, g + 4 * top * n, 4 * n, 4, wt + 4 * left, 4 * k,
            0, 0, dx + 4 * (top * k + left), 4 * k,
        )  # fmt: skip
        return
    block -= args[9] * args[10]
    if block < args[11] * args[12]:
        top, bottom, left, right = part(k, n, block, args[11], args[12])
        goal = dw + 4 * (top * n + left)
        product(
            bottom - top, right - left, m, x + 4 * top, 4, 4 * k, g + 4 * left, 4 * n,
            goal, 4 * n, goal, 4 * n,
        )  # fmt: skip
        return
    left, right = share(n, block - args[11] * args[12], args[13], LANES)
    add_column_sums(db, g, m, n, left, right)


@planned
def linear_bwd(
    dx: Memory, dw: Memory | None, db: Memory | None, x: Memory, w: Memory, g: Memory
) -> list[Launch]:
    (m, k), n = x.shape, w.shape[1]
    for_dx = cut(m, k, n)
    for_dw = cut(k, n, m) if dw is not None else (0, 0)
    for_db = min(pieces(m * n), -(-n // LANES)) if db is not None else 0
    blocks = for_dx[0] * for_dx[1] + for_dw[0] * for_dw[1] + for_db
    first, wt = straightened(w)
    operands = (dx, dw, db, x, wt.ctypes.data, g, m, n, k, *for_dx, *for_dw, for_db)
    return [first, _linear_bwd(*operands, blocks=blocks, kept=wt)]


KERNELS = {"linear": linear, "linear_gelu": linear_gelu, "linear_bwd": linear_bwd}

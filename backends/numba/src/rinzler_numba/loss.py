"""Cross-entropy and its gradient. The formulas: `rinzler.ops.loss`.

Forward reads each row twice, for its maximum and for the sum of its powers; a row of 50257 logits
is 200 KB and stays in a core's cache between. Rows are cut into blocks, each block leaves the sum
of its losses, and a second launch adds these in their order, in float64: there are few of them.
Read next: `update.py`.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numba import carray

from rinzler_numba.apart import load, reload, store
from rinzler_numba.blocks import row_blocks
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Buffer, Memory
from rinzler_numba.native import integers, pointer, share
from rinzler_numba.softmax import COST, row_max, sum_of_powers
from rinzler_numba.vector import exp, f4


@kernel
def _cross_entropy(args: Any, block: int, blocks: int) -> None:
    """lse of each row of the block, and Σ (lse − z[target]) over its rows."""
    partials = carray(pointer(args[0]), (blocks,), np.float64)
    lse, rows, columns = args[1], args[4], args[5]
    targets = integers(args[3], rows)
    start, stop = share(rows, block, blocks, 1)
    losses = 0.0
    for row in range(start, stop):
        z = args[2] + 4 * columns * row
        top = row_max(z, columns)
        log_sum = top + f4(log(sum_of_powers(z, columns, top)))
        store(lse, row, log_sum)
        losses += np.float64(log_sum) - np.float64(load(z, targets[row]))
    partials[block] = losses


@kernel
def _mean_loss(args: Any, block: int, blocks: int) -> None:
    """The sum of the blocks' sums, over the number of rows."""
    partials = carray(pointer(args[1]), (args[2],), np.float64)
    losses = 0.0
    for k in range(len(partials)):
        losses += partials[k]
    store(args[0], 0, f4(losses / args[3]))


@planned
def cross_entropy(loss: Memory, lse: Memory, logits: Memory, targets: Memory) -> list[Launch]:
    rows, columns = logits.shape
    blocks = row_blocks(rows, columns, COST)
    sums = Buffer(8 * blocks)
    operands = (sums.address, lse, logits, targets, rows, columns)
    return [
        _cross_entropy(*operands, blocks=blocks, kept=sums),
        _mean_loss(loss, sums.address, blocks, rows, kept=sums),
    ]


@kernel
def _cross_entropy_bwd(args: Any, block: int, blocks: int) -> None:
    """dz = e^(z − lse)·g/N, less g/N at the target."""
    lse, rows, columns = args[3], args[5], args[6]
    targets = integers(args[2], rows)
    per_row = load(args[4], 0) / f4(rows)
    start, stop = share(rows, block, blocks, 1)
    for row in range(start, stop):
        dz = args[0] + 4 * columns * row
        z = args[1] + 4 * columns * row
        log_sum = load(lse, row)
        for c in range(columns):
            store(dz, c, exp(load(z, c) - log_sum) * per_row)
        target = targets[row]
        store(dz, target, reload(dz, target) - per_row)


@planned
def cross_entropy_bwd(
    dlogits: Memory, logits: Memory, targets: Memory, lse: Memory, g: Memory
) -> list[Launch]:
    rows, columns = logits.shape
    blocks = row_blocks(rows, columns, COST)
    return [_cross_entropy_bwd(dlogits, logits, targets, lse, g, rows, columns, blocks=blocks)]


KERNELS = {"cross_entropy": cross_entropy, "cross_entropy_bwd": cross_entropy_bwd}

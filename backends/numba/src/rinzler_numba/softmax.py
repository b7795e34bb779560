"""softmax and log_softmax over the rows of an (N, C) matrix, and their backwards.

A row goes through several short loops while it lies in cache: its maximum, its powers, their sum,
the result. Blocks own whole rows. The formulas: `rinzler.ops.normalization`.
Read next: `loss.py`.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from numba.extending import register_jitable

from rinzler_numba.apart import load, minus, reload, store
from rinzler_numba.blocks import row_blocks
from rinzler_numba.compiling import Kernel, Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import share
from rinzler_numba.vector import exp, f4, i4, ordered, unordered

COST = 2  # of an element, in additions: one exponential
LOWEST = i4(-(2**31))


@register_jitable
def row_max(x: int, columns: int) -> np.float32:
    """The largest of the floats at an address; a NaN among them may or may not be the answer."""
    key = LOWEST
    for c in range(columns):
        key = max(key, ordered(load(x, c)))
    return unordered(key)


@register_jitable
def sum_of_powers(x: int, columns: int, top: np.float32) -> np.float32:
    """Σ e^(x − top); NaN where the row has a NaN, or nothing but −inf."""
    total = f4(0.0)
    for c in range(columns):
        total += exp(load(x, c) - top)
    return total


@kernel
def _softmax(args: Any, block: int, blocks: int) -> None:
    columns = args[3]
    start, stop = share(args[2], block, blocks, 1)
    for row in range(start, stop):
        y = args[0] + 4 * columns * row
        x = args[1] + 4 * columns * row
        top = row_max(x, columns)
        total = f4(0.0)
        for c in range(columns):
            power = exp(load(x, c) - top)
            store(y, c, power)
            total += power
        share_of_one = f4(1.0) / total
        for c in range(columns):
            store(y, c, reload(y, c) * share_of_one)


@kernel
def _log_softmax(args: Any, block: int, blocks: int) -> None:
    columns = args[3]
    start, stop = share(args[2], block, blocks, 1)
    for row in range(start, stop):
        y = args[0] + 4 * columns * row
        x = args[1] + 4 * columns * row
        top = row_max(x, columns)
        log_sum = f4(log(sum_of_powers(x, columns, top)))
        for c in range(columns):
            store(y, c, minus(minus(load(x, c), top), log_sum))


@kernel
def _softmax_bwd(args: Any, block: int, blocks: int) -> None:
    """dx = y·(g − Σ g·y)."""
    columns = args[4]
    start, stop = share(args[3], block, blocks, 1)
    for row in range(start, stop):
        dx = args[0] + 4 * columns * row
        y = args[1] + 4 * columns * row
        g = args[2] + 4 * columns * row
        mean = f4(0.0)
        for c in range(columns):
            mean += load(g, c) * load(y, c)
        for c in range(columns):
            store(dx, c, load(y, c) * (load(g, c) - mean))


@kernel
def _log_softmax_bwd(args: Any, block: int, blocks: int) -> None:
    """dx = g − e^y·Σ g."""
    columns = args[4]
    start, stop = share(args[3], block, blocks, 1)
    for row in range(start, stop):
        dx = args[0] + 4 * columns * row
        y = args[1] + 4 * columns * row
        g = args[2] + 4 * columns * row
        total = f4(0.0)
        for c in range(columns):
            total += load(g, c)
        for c in range(columns):
            store(dx, c, load(g, c) - exp(load(y, c)) * total)


def _by_rows(name: str, kernel: Kernel) -> Any:
    """An op whose operands all are (N, C)."""

    def plan(*operands: Memory) -> list[Launch]:
        rows, columns = operands[0].shape
        return [kernel(*operands, rows, columns, blocks=row_blocks(rows, columns, COST))]

    plan.__name__ = name
    return planned(plan)


KERNELS = {
    "softmax": _by_rows("softmax", _softmax),
    "softmax_bwd": _by_rows("softmax_bwd", _softmax_bwd),
    "log_softmax": _by_rows("log_softmax", _log_softmax),
    "log_softmax_bwd": _by_rows("log_softmax_bwd", _log_softmax_bwd),
}

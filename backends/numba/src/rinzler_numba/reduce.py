"""Sums and maxima of rows, sums of columns, the squared norm. Formulas: `rinzler.ops.reduce`.

A long running sum loses bits, and one row keeps one core busy. So rows are cut into pieces of 8192
elements, and columns into groups of 64 to 256 rows; their sums go to scratch, and the same kernel
sums those, until one is left. Where the cuts are is a matter of the shape: the bits of a result
depend on nothing else. Within a piece LLVM sums in 64 or so lanes.

Read next: `gather.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from rinzler_numba.apart import load, store
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Kernel, Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Buffer, Memory
from rinzler_numba.native import CHUNK, floats, own, share
from rinzler_numba.vector import f4, i4, ordered, unordered

PIECE = 8192  # elements of a row that are summed in one go
SHORT = 16  # a shorter row takes about as long


# --- rows -------------------------------------------------------------------------------------


@register_jitable
def piece(x: int, unit: int, columns: int, per_row: int) -> np.ndarray:
    """Piece number `unit` of a matrix whose rows have `per_row` of them each."""
    start = unit % per_row * PIECE
    return floats(x + 4 * (unit // per_row * columns + start), min(PIECE, columns - start))


@kernel
def _sum_rows(args: Any, block: int, blocks: int) -> None:
    columns, per_row, units = args[2], args[3], args[4]
    y = floats(args[0], units)
    first, last = share(units, block, blocks, 1)
    for unit in range(first, last):
        x = piece(args[1], unit, columns, per_row)
        total = f4(0.0)
        for i in range(len(x)):
            total += x[i]
        y[unit] = total


@kernel
def _sumsq(args: Any, block: int, blocks: int) -> None:
    columns, per_row, units = args[2], args[3], args[4]
    y = floats(args[0], units)
    first, last = share(units, block, blocks, 1)
    for unit in range(first, last):
        x = piece(args[1], unit, columns, per_row)
        total = f4(0.0)
        for i in range(len(x)):
            total += x[i] * x[i]
        y[unit] = total


LEAST, NAN_KEY = i4(-0x80000000), i4(0x7FFFFFFF)  # the latter is above inf's, and is a NaN's own
MAGNITUDE, INFINITY = i4(0x7FFFFFFF), i4(0x7F800000)


@register_jitable
def key_of(x: np.float32) -> np.int32:
    """`ordered`, but NaN of either sign comes last: the maximum of a row that holds one is NaN."""
    magnitude = f4(x).view(i4) & MAGNITUDE
    return NAN_KEY if magnitude > INFINITY else ordered(x)


@kernel
def _max_rows(args: Any, block: int, blocks: int) -> None:
    columns, per_row, units = args[2], args[3], args[4]
    y = floats(args[0], units)
    first, last = share(units, block, blocks, 1)
    for unit in range(first, last):
        x = piece(args[1], unit, columns, per_row)
        top = LEAST
        for i in range(len(x)):
            top = max(top, key_of(x[i]))
        y[unit] = unordered(top)


def folded(step: Kernel, onward: Kernel, y: Memory, x: Memory, rows: int) -> list[Launch]:
    """`step` over pieces of rows, `onward` over what comes of them, down to one number a row."""
    launches = []
    source, columns = x.address, x.size // rows
    while columns > PIECE:
        per_row = -(-columns // PIECE)
        units = rows * per_row
        scratch = Buffer(4 * units)
        blocks = min(units, pieces(rows * columns))
        operands = (scratch.address, source, columns, per_row, units)
        launches.append(step(*operands, blocks=blocks, kept=scratch))
        source, columns, step = scratch.address, per_row, onward
    blocks = min(rows, pieces(rows * max(columns, SHORT)))
    launches.append(step(y, source, columns, 1, rows, blocks=blocks))
    return launches


@planned
def sum_rows(y: Memory, x: Memory) -> list[Launch]:
    return folded(_sum_rows, _sum_rows, y, x, x.shape[0])


@planned
def max_rows(y: Memory, x: Memory) -> list[Launch]:
    return folded(_max_rows, _max_rows, y, x, x.shape[0])


@planned
def sumsq(y: Memory, x: Memory) -> list[Launch]:
    return folded(_sumsq, _sum_rows, y, x, 1)


# --- columns ----------------------------------------------------------------------------------


@kernel
def _sum_cols(args: Any, block: int, blocks: int) -> None:
    """y (groups, C): the sums of each group of rows of x (R, C), up to CHUNK columns at a time."""
    rows, columns, group = args[2], args[3], args[4]
    sums = own()
    across = (columns + CHUNK - 1) // CHUNK
    first, last = share((rows + group - 1) // group * across, block, blocks, 1)
    for unit in range(first, last):
        left = unit % across * CHUNK
        n = min(CHUNK, columns - left)
        start = unit // across * group
        stop = min(start + group, rows)
        fours = start + (stop - start) // 4 * 4
        for c in range(n):
            sums[c] = f4(0.0)
        for r in range(start, fours, 4):
            x0 = args[1] + 4 * (r * columns + left)
            x1, x2, x3 = x0 + 4 * columns, x0 + 8 * columns, x0 + 12 * columns
            for c in range(n):
                sums[c] += (load(x0, c) + load(x1, c)) + (load(x2, c) + load(x3, c))
        for r in range(fours, stop):
            x0 = args[1] + 4 * (r * columns + left)
            for c in range(n):
                sums[c] += load(x0, c)
        y = args[0] + 4 * (unit // across * columns + left)
        for c in range(n):
            store(y, c, sums[c])


def group_of(columns: int) -> int:
    """Rows of a group: about a piece of elements, but no long running sum and no mass of groups."""
    return min(max(PIECE // columns, 64), 256)


@planned
def sum_cols(y: Memory, x: Memory) -> list[Launch]:
    rows, columns = x.shape
    if columns == 1:
        return folded(_sum_rows, _sum_rows, y, x, 1)  # (R, 1) lies in memory as (1, R)
    launches = []
    source, group = x.address, group_of(columns)
    across = -(-columns // CHUNK)
    while rows > group:
        groups = -(-rows // group)
        scratch = Buffer(4 * groups * columns)
        blocks = min(groups * across, pieces(rows * max(columns, SHORT)))
        operands = (scratch.address, source, rows, columns, group)
        launches.append(_sum_cols(*operands, blocks=blocks, kept=scratch))
        source, rows = scratch.address, groups
    blocks = min(across, pieces(rows * columns))
    launches.append(_sum_cols(y, source, rows, columns, rows, blocks=blocks))
    return launches


KERNELS = {"sum_rows": sum_rows, "max_rows": max_rows, "sum_cols": sum_cols, "sumsq": sumsq}

"""layer_norm and its backward. The formulas: `rinzler.ops.normalization`.

Mean and variance take two passes over a row that lies in cache. Backward gives dx row by row; dw
and db are sums over all N rows, so each block sums its own rows into a line of scratch, and a
second launch adds these lines in the order of the blocks. Read next: `softmax.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rinzler_numba.apart import load, reload, store
from rinzler_numba.blocks import pieces, row_blocks
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Buffer, Memory
from rinzler_numba.native import number, share
from rinzler_numba.vector import f4

LANES = 16  # parts of a row begin at whole cache lines
BACKWARD_COST = 2  # of an element, in additions


@kernel
def _layer_norm(args: Any, block: int, blocks: int) -> None:
    mean, rstd, w, b, rows, columns = args[1], args[2], args[4], args[5], args[6], args[7]
    per_column = f4(1.0) / f4(columns)
    eps = f4(number(args[8]))
    start, stop = share(rows, block, blocks, 1)
    for row in range(start, stop):
        y = args[0] + 4 * columns * row
        x = args[3] + 4 * columns * row
        total = f4(0.0)
        for c in range(columns):
            total += load(x, c)
        middle = total * per_column
        squares = f4(0.0)
        for c in range(columns):
            centred = load(x, c) - middle
            squares += centred * centred
        scale = f4(1.0) / np.sqrt(squares * per_column + eps)
        store(mean, row, middle)
        store(rstd, row, scale)
        if b != 0:
            for c in range(columns):
                store(y, c, (load(x, c) - middle) * scale * load(w, c) + load(b, c))
        else:
            for c in range(columns):
                store(y, c, (load(x, c) - middle) * scale * load(w, c))


@planned
def layer_norm(
    y: Memory, mean: Memory, rstd: Memory, x: Memory, w: Memory, b: Memory | None, *, eps: float
) -> list[Launch]:
    rows, columns = x.shape
    blocks = row_blocks(rows, columns)
    return [_layer_norm(y, mean, rstd, x, w, b, rows, columns, float(eps), blocks=blocks)]


@kernel
def _layer_norm_bwd(args: Any, block: int, blocks: int) -> None:
    """dx of the block's rows; Σ g·n and Σ g over them into the block's line of scratch."""
    w, mean, rstd, rows, columns = args[3], args[4], args[5], args[7], args[8]
    per_column = f4(1.0) / f4(columns)
    dw = args[1] + 8 * columns * block
    db = dw + 4 * columns
    for c in range(2 * columns):
        store(dw, c, f4(0.0))
    start, stop = share(rows, block, blocks, 1)
    for row in range(start, stop):
        dx = args[0] + 4 * columns * row
        x = args[2] + 4 * columns * row
        g = args[6] + 4 * columns * row
        middle, scale = load(mean, row), load(rstd, row)
        sum_h, sum_hn = f4(0.0), f4(0.0)
        for c in range(columns):
            slope = load(g, c)
            n = (load(x, c) - middle) * scale
            h = slope * load(w, c)
            sum_h += h
            sum_hn += h * n
            store(dw, c, reload(dw, c) + slope * n)
            store(db, c, reload(db, c) + slope)
        mean_h, mean_hn = sum_h * per_column, sum_hn * per_column
        for c in range(columns):
            n = (load(x, c) - middle) * scale
            h = load(g, c) * load(w, c)
            store(dx, c, scale * (h - mean_h - n * mean_hn))


@kernel
def _add_lines(args: Any, block: int, blocks: int) -> None:
    """dw and db, where they are wanted, take the sum of the blocks' lines."""
    dw, db, lines, count, columns = args[0], args[1], args[2], args[3], args[4]
    start, stop = share(2 * columns, block, blocks, LANES)
    for k in range(1, count):
        line = lines + 8 * columns * k
        for c in range(start, stop):
            store(lines, c, reload(lines, c) + load(line, c))
    if dw != 0:
        for c in range(start, min(stop, columns)):
            store(dw, c, reload(dw, c) + reload(lines, c))
    if db != 0:
        for c in range(max(start, columns), stop):
            store(db, c - columns, reload(db, c - columns) + reload(lines, c))


@planned
def layer_norm_bwd(
    dx: Memory,
    dw: Memory | None,
    db: Memory | None,
    x: Memory,
    w: Memory,
    mean: Memory,
    rstd: Memory,
    g: Memory,
) -> list[Launch]:
    rows, columns = x.shape
    count = row_blocks(rows, columns, BACKWARD_COST)
    lines = Buffer(count * 2 * columns * 4)
    operands = (dx, lines.address, x, w, mean, rstd, g, rows, columns)
    launches = [_layer_norm_bwd(*operands, blocks=count, kept=lines)]
    if dw is not None or db is not None:
        blocks = pieces(count * 2 * columns)
        launches.append(
            _add_lines(dw, db, lines.address, count, columns, blocks=blocks, kept=lines)
        )
    return launches


KERNELS = {"layer_norm": layer_norm, "layer_norm_bwd": layer_norm_bwd}

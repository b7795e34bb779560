"""The gradient of causal attention. The formulas: `rinzler.ops.attention`.

Tables of queries by LANES keys: p from lse, and ds. dv and dk of those keys are then complete; dq
grows with every block of keys. A block of work is one sequence and head: it owns its part of dqkv,
so nothing is added up across blocks. Read next: `decode.py`.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from numba.extending import register_jitable

from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.lanes import (
    LANES,
    between,
    load,
    plus,
    powers,
    put,
    single,
    spread,
    store,
    times,
    times_plus,
    total,
)
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import number
from rinzler_numba.scratch import give, scratch, take
from rinzler_numba.tiles import ROWS, WIDTH, clear, corner, move, product, rounded, transpose
from rinzler_numba.vector import f4

ZERO, ONE = f4(0.0), f4(1.0)


@register_jitable
def filled_up(
    source: int, ld: int, rows: int, size: int, height: int, width: int, copy: int
) -> int:
    """Rows that lie `ld` apart as a dense copy (height, width), with zeros around; its address."""
    clear(copy, height * width)
    move(rows, size, ONE, source, ld, copy, width)
    return copy


@kernel
def _attention_bwd(args: Any, block: int, blocks: int) -> None:
    heads, time, size, height, width = args[5], args[6], args[7], args[8], args[9]
    scale, piece = f4(number(args[10])), take(args[11], args[12])
    keys = args[13] + args[14] * piece  # (D, LANES)
    values = keys + WIDTH * width
    dk = values + WIDTH * width  # (LANES, D)
    dv = dk + WIDTH * width
    p = dv + WIDTH * width  # (T, LANES)
    ds = p + WIDTH * height
    delta = ds + WIDTH * height  # (T)
    dq = delta + 4 * height  # (T, D)
    part = 4 * heads * size  # bytes from q to k and from k to v
    ld, ldg = 3 * heads * size, heads * size
    dqkv, q = (
        corner(args[0], block, heads, time, size, 3),
        corner(args[1], block, heads, time, size, 3),
    )
    y, g = (
        corner(args[2], block, heads, time, size, 1),
        corner(args[4], block, heads, time, size, 1),
    )
    k, v, lse = q + part, q + 2 * part, args[3] + 4 * block * time
    if height != time or width != size:
        copy, step = dq + 4 * height * width, 4 * height * width
        q = filled_up(q, ld, time, size, height, width, copy)
        k = filled_up(k, ld, time, size, height, width, copy + step)
        v = filled_up(v, ld, time, size, height, width, copy + 2 * step)
        y = filled_up(y, ldg, time, size, height, width, copy + 3 * step)
        g = filled_up(g, ldg, time, size, height, width, copy + 4 * step)
        ld = ldg = width
    for i in range(time):
        dot = spread(ZERO)
        for c in range(0, width, LANES):
            dot = times_plus(load(g + 4 * (i * ldg + c)), load(y + 4 * (i * ldg + c)), dot)
        put(delta + 4 * i, total(dot))
    by = spread(scale)
    for first in range(0, time, LANES):
        rows, q_rows, g_rows = time - first, q + 4 * first * ld, g + 4 * first * ldg
        for c in range(0, width, LANES):
            transpose(k + 4 * (first * ld + c), 4 * ld, keys + WIDTH * c)
            transpose(v + 4 * (first * ld + c), 4 * ld, values + WIDTH * c)
        product(rows, width, q_rows, ld, 1, keys, LANES, p, LANES, 0)
        product(rows, width, g_rows, ldg, 1, values, LANES, ds, LANES, 0)  # dp
        for i in range(rows):
            below = spread(-single(lse + 4 * (first + i)))
            x = powers(times_plus(load(p + WIDTH * i), by, below))
            if i < LANES:  # query first + i sees the keys in the lanes up to i
                x = between(0, i, x, spread(ZERO))
            store(p + WIDTH * i, x)
            above = plus(load(ds + WIDTH * i), spread(-single(delta + 4 * (first + i))))
            store(ds + WIDTH * i, times(x, above))
        for c in range(0, width, LANES):
            for j in range(0, LANES, ROWS):  # no query before the first of these keys counts
                corner_j, goal = (WIDTH + 4) * j, 4 * (j * width + c)
                g_j, q_j = g_rows + 4 * (j * ldg + c), q_rows + 4 * (j * ld + c)
                product(ROWS, rows - j, p + corner_j, 1, LANES, g_j, ldg, dv + goal, width, 0)
                product(ROWS, rows - j, ds + corner_j, 1, LANES, q_j, ld, dk + goal, width, 0)
            k_c, goal = k + 4 * (first * ld + c), dq + 4 * (first * width + c)
            product(rows, LANES, ds, LANES, 1, k_c, ld, goal, width, first)
        goal, step = dqkv + part + 12 * first * heads * size, 3 * heads * size
        move(min(LANES, rows), size, scale, dk, width, goal, step)
        move(min(LANES, rows), size, ONE, dv, width, goal + part, step)
    move(time, size, scale, dq, width, dqkv, 3 * heads * size)
    give(args[11], piece)


@planned
def attention_bwd(
    dqkv: Memory, qkv: Memory, y: Memory, lse: Memory, g: Memory, *, heads: int
) -> list[Launch]:
    batch, time, packed = qkv.shape
    size = packed // (3 * heads)
    height, width = rounded(time), rounded(size)
    copies = 0 if (height, width) == (time, size) else 5 * height * width
    pieces = scratch(4 * (LANES * (4 * width + 2 * height) + height + height * width + copies))
    numbers = (heads, time, size, height, width, 1 / sqrt(size), *pieces.args)
    return [_attention_bwd(dqkv, qkv, y, lse, g, *numbers, blocks=batch * heads, kept=pieces)]

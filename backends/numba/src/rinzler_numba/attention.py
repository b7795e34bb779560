"""Causal attention on the packed qkv, a sequence and a head at a time, in registers.

The formulas: `rinzler.ops.attention`. What is special here is the order of the work. LANES queries
(backward: LANES keys) lie side by side in one vector, so scores are a table of such vectors; the
maximum, e^x and the sum of a softmax are operations on vectors from row to row, with no sum across
a vector and no short loop. Scores that causality hides are not computed, in steps of LANES, and a
table is never longer than T: it stays in the cache.

q, k and v are read where the projection put them. Where D is no multiple of LANES, or a block has
fewer queries, a copy that is filled up with zeros takes their place. Read next: `attention_bwd.py`.
"""

from __future__ import annotations

from math import inf, log, sqrt
from typing import Any

from numba.extending import register_jitable

from rinzler_numba.attention_bwd import ONE, ZERO, attention_bwd, filled_up
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.lanes import (
    LANES,
    between,
    larger,
    load,
    plus,
    powers,
    put,
    single,
    spread,
    store,
    times,
    times_plus,
)
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import integers, number
from rinzler_numba.scratch import give, scratch, take
from rinzler_numba.tiles import ROWS, WIDTH, corner, move, product, rounded, transpose
from rinzler_numba.vector import f4

NONE = f4(-inf)


@register_jitable
def remember(position: int, b: int, new: int, size: int, k: int, ld: int, cache: int) -> int:
    """Write the new keys, or values, of a head into its cache; the number of those before."""
    past = integers(position, b + 1)[b]
    move(new, size, ONE, k, ld, cache + 4 * past * size, size)
    return past


@kernel
def _attention(args: Any, block: int, blocks: int) -> None:
    """A table of keys by LANES queries: s, then e^(s − top). All of `time` is new, or there are
    caches, of that length, and `past` is the position.
    """
    heads, new, time, size, width = args[6], args[7], args[8], args[9], args[10]
    piece = take(args[12], args[13])
    queries = args[14] + piece * args[15]  # (D, LANES)
    means = queries + WIDTH * width  # (LANES, D)
    some = means + WIDTH * width  # (LANES, D)
    tops, sums = some + WIDTH * width, some + WIDTH * (width + 1)
    table = sums + WIDTH  # (T, LANES)
    y, q = corner(args[0], block, heads, new, size, 1), corner(args[2], block, heads, new, size, 3)
    lse = args[1] + 4 * block * new
    k, v = q + 4 * heads * size, q + 8 * heads * size
    ldy, ld, ldk, past = heads * size, 3 * heads * size, 3 * heads * size, 0
    if args[5] != 0:
        keys, values = (args[3] + 4 * block * time * size, args[4] + 4 * block * time * size)
        past = remember(args[5], block // heads, new, size, k, ld, keys)
        remember(args[5], block // heads, new, size, v, ld, values)
        k, v, ldk = keys, values, size
    ldv = ldk
    if size != width:
        copy = table + WIDTH * time  # (T, D)
        v, ldv = filled_up(v, ldv, past + new, size, past + new, width, copy), width
    by = spread(f4(number(args[11])))
    for first in range(0, new, LANES):
        count, before = min(LANES, new - first), past + first
        last, rows, step = before + count, q + 4 * first * ld, ld
        if count < LANES or size != width:
            rows, step = filled_up(rows, step, count, size, LANES, width, some), width
        for c in range(0, width, LANES):
            transpose(rows + 4 * c, 4 * step, queries + WIDTH * c)
        product(last, size, k, ldk, 1, queries, LANES, table, LANES, 0)
        top = spread(NONE)
        for j in range(last):
            s = load(table + WIDTH * j)
            if j > before:  # the query in lane i sees keys up to before + i
                s = between(j - before, LANES, s, spread(NONE))
            top = larger(s, top)
        top = times(top, by)
        mass, below = spread(ZERO), times(top, spread(-ONE))
        for j in range(last):
            p = powers(times_plus(load(table + WIDTH * j), by, below))
            if j > before:
                p = between(j - before, LANES, p, spread(ZERO))
            store(table + WIDTH * j, p)
            mass = plus(mass, p)
        store(tops, top)
        store(sums, mass)
        for c in range(0, width, LANES):
            for i in range(0, LANES, ROWS):
                depth, goal = min(before + i + ROWS, last), means + 4 * (i * width + c)
                product(ROWS, depth, table + 4 * i, 1, LANES, v + 4 * c, ldv, goal, width, 0)
        for i in range(count):
            whole, goal = single(sums + 4 * i), y + 4 * (first + i) * ldy
            move(1, size, ONE / whole, means + 4 * i * width, 0, goal, 0)
            put(lse + 4 * (first + i), single(tops + 4 * i) + f4(log(whole)))
    give(args[12], piece)


@planned
def attention(y: Memory, lse: Memory, qkv: Memory, *, heads: int) -> list[Launch]:
    batch, time, packed = qkv.shape
    sizes = (batch, heads, time, time, packed // (3 * heads))
    return attend((y, lse, qkv, None, None, None), *sizes)


def attend(
    arrays: tuple[Any, ...],
    batch: int,
    heads: int,
    new: int,
    time: int,
    size: int,
    kept: Any = None,
) -> list[Launch]:
    """One sequence and head per block; with caches, (B, H, T, D), this is `decode.py`'s too."""
    width = rounded(size)
    copy = time * width if width != size else 0
    pieces = scratch(4 * (LANES * (3 * width + 2 + time) + copy))
    numbers = (heads, new, time, size, width, 1 / sqrt(size), *pieces.args)
    return [_attention(*arrays, *numbers, blocks=batch * heads, kept=(pieces, kept))]


KERNELS = {"attention": attention, "attention_bwd": attention_bwd}

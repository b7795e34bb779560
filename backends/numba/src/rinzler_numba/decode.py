"""Attention of new positions to cached keys and values: what generates text.

The formula: `rinzler.ops.cached`. A prompt, many new positions at once, is `attention.py`'s kernel
with a past. A single new position is one pass over the keys and one over the values, each read
once: it goes at the speed of memory, and there is nothing to transpose or to keep in tiles.

Heads are cached apart, (B, H, T, D), so that a pass reads one piece of memory from end to end.
Read next: `loss.py`.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from rinzler_numba.attention import NONE, attend, remember
from rinzler_numba.attention_bwd import ONE, ZERO
from rinzler_numba.blocks import row_blocks
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
    times_plus,
    total,
)
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import number, share
from rinzler_numba.scratch import give, scratch, take
from rinzler_numba.tiles import WIDTH, corner, move, rounded
from rinzler_numba.vector import f4


@kernel
def _attention_one(args: Any, block: int, blocks: int) -> None:
    """One new position: some sequences and heads per block."""
    y, keys, values, qkv, position, items, heads, time, size = (
        args[0], args[1], args[2], args[3], args[4], args[5], args[6], args[7], args[8],
    )  # fmt: skip
    scale = f4(number(args[9]))
    piece = take(args[10], args[11])
    scores = args[12] + piece * args[13]  # (T)
    lanes = scores + 4 * time + WIDTH
    means = lanes + WIDTH  # (D)
    whole = size - size % LANES
    start, stop = share(items, block, blocks, 1)
    for item in range(start, stop):
        q = corner(qkv, item, heads, 1, size, 3)
        k, v = keys + 4 * item * time * size, values + 4 * item * time * size
        past = remember(position, item // heads, 1, size, q + 4 * heads * size, 0, k)
        remember(position, item // heads, 1, size, q + 8 * heads * size, 0, v)
        known = past + 1
        for j in range(known):
            key = k + 4 * j * size
            dots = spread(ZERO)
            for c in range(0, whole, LANES):
                dots = times_plus(load(q + 4 * c), load(key + 4 * c), dots)
            s = total(dots)
            for c in range(whole, size):
                s += single(q + 4 * c) * single(key + 4 * c)
            put(scores + 4 * j, s)
        store(scores + 4 * known, spread(NONE))  # what fills up the last vector
        tops = spread(NONE)
        for j in range(0, known, LANES):
            tops = larger(load(scores + 4 * j), tops)
        store(lanes, tops)
        top = single(lanes)
        for i in range(1, LANES):
            top = max(top, single(lanes + 4 * i))
        by, below = spread(scale), spread(-top * scale)
        sums = spread(ZERO)
        for j in range(0, known, LANES):
            p = powers(times_plus(load(scores + 4 * j), by, below))
            p = between(0, known - 1 - j, p, spread(ZERO))
            store(scores + 4 * j, p)
            sums = plus(sums, p)
        fours = known - known % 4
        for c in range(0, whole, LANES):
            # Four sums side by side: one would wait for itself at every step.
            m0, m1, m2, m3 = spread(ZERO), spread(ZERO), spread(ZERO), spread(ZERO)
            for j in range(0, fours, 4):
                p, value = scores + 4 * j, v + 4 * (j * size + c)
                m0 = times_plus(spread(single(p)), load(value), m0)
                m1 = times_plus(spread(single(p + 4)), load(value + 4 * size), m1)
                m2 = times_plus(spread(single(p + 8)), load(value + 8 * size), m2)
                m3 = times_plus(spread(single(p + 12)), load(value + 12 * size), m3)
            for j in range(fours, known):
                m0 = times_plus(spread(single(scores + 4 * j)), load(v + 4 * (j * size + c)), m0)
            store(means + 4 * c, plus(plus(m0, m1), plus(m2, m3)))
        for c in range(whole, size):
            mean = ZERO
            for j in range(known):
                mean += single(scores + 4 * j) * single(v + 4 * (j * size + c))
            put(means + 4 * c, mean)
        move(1, size, ONE / total(sums), means, 0, y + 4 * item * size, 0)
    give(args[10], piece)


@planned
def attention_cached(
    y: Memory, keys: Memory, values: Memory, qkv: Memory, position: Memory, *, heads: int
) -> list[Launch]:
    batch, _, time, size = keys.shape
    new = qkv.shape[1]
    if new > 1:
        lse = np.empty(batch * heads * new, np.float32)  # nobody wants it here
        arrays = (y, lse.ctypes.data, qkv, keys, values, position)
        return attend(arrays, batch, heads, new, time, size, kept=lse)
    pieces = scratch(4 * (time + 2 * LANES + rounded(size)))
    numbers = (batch * heads, heads, time, size, 1 / sqrt(size), *pieces.args)
    blocks = row_blocks(batch * heads, time * size)
    return [_attention_one(y, keys, values, qkv, position, *numbers, blocks=blocks, kept=pieces)]


KERNELS = {"attention_cached": attention_cached}

"""`random_uniform`: Philox4x32-10 from a counter, bit for bit `rinzler.philox.uniform`.

Four numbers come of one counter, and counters know nothing of each other: blocks of the work, and
lanes of a vector, each take their own; a second loop puts the four of each side by side. The key
lies in memory and is read by the kernel, because it changes from step to step while a recorded step
stays. Read next: `rinzler.philox`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from rinzler.philox import KEY_STEPS, LOW, MULTIPLIERS, ROUNDS
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import CHUNK, floats, integers, matrix, own, share
from rinzler_numba.vector import f4, i4

u8 = np.uint64  # a word of 32 bits rides in 64, for its products need them
M0, M1 = u8(MULTIPLIERS[0]), u8(MULTIPLIERS[1])
STEP0, STEP1 = u8(KEY_STEPS[0]), u8(KEY_STEPS[1])
MASK, HALF = u8(LOW), u8(32)
UNIT = f4(2.0**-24)
WORDS = 4  # per counter


@register_jitable(forceinline=True)  # LLVM thinks it too long, and a call stops the vector code
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Counter and key -> four words; each round multiplies, mixes and swaps places."""
    for _ in range(ROUNDS):
        p0 = M0 * c0
        p1 = M1 * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & MASK, (p0 >> HALF) ^ c3 ^ k1, p0 & MASK
        k0 = (k0 + STEP0) & MASK
        k1 = (k1 + STEP1) & MASK
    return c0, c1, c2, c3


@register_jitable
def unit(word: np.uint64) -> np.float32:
    """A word as a number in [0, 1): its upper 24 bits, which a float32 holds exactly."""
    return f4(i4(word >> u8(8))) * UNIT


@kernel
def _random_uniform(args: Any, block: int, blocks: int) -> None:
    """args: y, key (seed low, seed high, step, stream and micro), n, site."""
    n = args[2]
    key = integers(args[1], 4)
    k0, k1 = u8(key[0]) & MASK, u8(key[1]) & MASK
    c1, c2, c3 = u8(args[3]) & MASK, u8(key[2]) & MASK, u8(key[3]) & MASK
    one, two, three, four = own(), own(), own(), own()
    first, last = share((n + WORDS - 1) // WORDS, block, blocks, CHUNK)
    for at in range(first, last, CHUNK):
        m = min(CHUNK, last - at)
        for i in range(m):
            w0, w1, w2, w3 = philox(u8(at + i) & MASK, c1, c2, c3, k0, k1)
            one[i], two[i], three[i], four[i] = unit(w0), unit(w1), unit(w2), unit(w3)
        whole = min(m, n // WORDS - at)
        y = matrix(args[0] + 4 * WORDS * at, whole, WORDS)
        for i in range(whole):
            y[i, 0], y[i, 1], y[i, 2], y[i, 3] = one[i], two[i], three[i], four[i]
        if whole < m:  # the last counter gives more words than are wanted: 1, 2 or 3
            left = n % WORDS
            rest = floats(args[0] + 4 * (n - left), left)
            rest[0] = one[whole]
            if left > 1:
                rest[1] = two[whole]
            if left > 2:
                rest[2] = three[whole]


@planned
def random_uniform(
    y: Memory, key: Memory, *, shape: tuple[int, ...], dtype: str, site: int
) -> list[Launch]:
    return [_random_uniform(y, key, y.size, site, blocks=pieces(y.size, 2))]


KERNELS = {"random_uniform": random_uniform}

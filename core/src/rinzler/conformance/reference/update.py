"""What AdamW computes, and the uniform numbers of Philox.

Bound of AdamW: its formula's steps. Where `ok` is 0 all three arrays stay, bit for bit, and a NaN
in the gradient touches nothing. The random numbers are judged to the bit: they are integers, here
in Python's own integers, straight from Salmon et al. 2011, "Parallel random numbers: as easy as
1, 2, 3", section 4.3. Read next: `table/`, the cases that these formulas answer.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rinzler.conformance.bounded import Bounded, Reference

WORD = 2**32


def adamw(outs: Any, g: Bounded, hyper: Bounded, scale: Bounded, ok: Bounded) -> Any:
    p, m, v = outs
    if ok.value == 0:
        return p.value, m.value, v.value
    lr, beta1, beta2, eps, decay, correction1, correction2 = (
        hyper.moved(lambda x, k=k: x[k]) for k in range(7)
    )
    g = g * scale
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * (g * g)
    step = (m / correction1) / ((v / correction2).sqrt() + eps) + decay * p
    return p - lr * step, m, v


def philox(block: int, site: int, key: list[int]) -> list[int]:
    """Four words of 32 bits: ten rounds over the counter (block, site, step, stream)."""
    left, first, right, second = block, site, key[2], key[3]
    bump = [key[0], key[1]]
    for _ in range(10):
        high_l, low_l = divmod(left * 0xD2511F53, WORD)
        high_r, low_r = divmod(right * 0xCD9E8D57, WORD)
        left, first = high_r ^ first ^ bump[0], low_r
        right, second = high_l ^ second ^ bump[1], low_l
        bump = [(bump[0] + 0x9E3779B9) % WORD, (bump[1] + 0xBB67AE85) % WORD]
    return [left, first, right, second]


def random_uniform(outs: Any, key: np.ndarray, *, shape: Any, dtype: str, site: int) -> Any:
    """The upper 24 bits of each word over 2²⁴: exact in float32 and float64 alike."""
    words = [int(word) % WORD for word in key]
    count = prod(shape)
    drawn = [word for block in range(-(-count // 4)) for word in philox(block, site, words)]
    return (np.array([(word >> 8) / 2**24 for word in drawn[:count]]).reshape(shape),)


REFERENCES: dict[str, Reference] = {"adamw": adamw, "random_uniform": random_uniform}

"""What AdamW computes, and the uniform numbers of Philox.

Bound of AdamW: that of its formula's steps, in the order of operations that rounds most among those
in use; see `adamw`. Where `ok` is 0 all three arrays stay, bit for bit, and a NaN in the gradient
touches nothing. The random numbers are judged to the bit: they are integers, here in Python's own
integers, straight from Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section
4.3. Read next: `table/`, the cases that these formulas answer.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from rinzler.conformance.bounded import Bounded, Reference

WORD = 2**32


def adamw(outs: Any, g: Bounded, hyper: Bounded, scale: Bounded, ok: Bounded) -> Any:
    """p, m and v after a step.

    The formula leaves the order of operations open, and orders differ in their roundings (u each,
    and up to 4u for a root or a quotient, by reciprocals; `ULPS` grants twice that):

    - p − lr·(a + decay·p), as core's default has it, takes |p| once: −. That is u·|p|, and
      2u·lr·decay·|p| for the decay's two products, and +, of lr·(|a| + decay·|p|).
    - p·(1 − lr·decay) − lr·a, as the paper and PyTorch have it, rounds |p| three times: the factor
      near 1, the product, the difference. That is 3u·|p|: one ulp more.
    - a = (m/c1) / (√(v/c2) + eps) takes two quotients, a root of a quotient and a sum before lr
      comes in; (lr/c1)·m / (√v/√c2 + eps) two quotients, a product, and a quotient of two roots.
    - β·m + (1 − β)·g rounds β·m, (1 − β)·g and the sum; m + (1 − β)·(g − m), a lerp, rounds the
      difference, the product and the sum. None is the larger one everywhere.

    What a kernel contracts (fused multiply-add) rounds less. So each order is carried through, and
    the bound of an element is the largest of them: no order needs more, and no factor is added.
    """
    p, m, v = outs
    if ok.value == 0:
        return p.value, m.value, v.value
    lr, beta1, beta2, eps, decay, correction1, correction2 = (
        hyper.moved(lambda x, k=k: x[k]) for k in range(7)
    )
    g = g * scale
    m = moved_towards(m, g, beta1)
    v = moved_towards(v, g * g, beta2)
    corrected = (m / correction1) / ((v / correction2).sqrt() + eps)
    at_once = (lr / correction1) * m / (v.sqrt() / correction2.sqrt() + eps)
    steps = (lr * corrected).or_as(at_once)
    new_p = (p - lr * (corrected + decay * p)).or_as(p * (1.0 - lr * decay) - steps)
    return new_p, m, v


def moved_towards(mean: Bounded, x: Bounded, beta: Bounded) -> Bounded:
    """β·mean + (1 − β)·x, or the same as a lerp."""
    rest = 1.0 - beta
    return (beta * mean + rest * x).or_as(mean + rest * (x - mean))


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

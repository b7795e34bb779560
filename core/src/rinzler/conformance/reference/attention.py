"""What causal attention computes on packed q, k, v, and its gradient.

Bounds: a score is a product of D terms; its error becomes a relative error of its power; both
products with p follow as any product does. So large scores earn a wide bound, as they do in any
arithmetic of this precision. Read next: `cached.py`.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np

from rinzler.conformance.bounded import Bounded, Reference
from rinzler.conformance.reference.normalization import log_sum_exp, softmax_of


def split(qkv: Bounded, heads: int) -> list[Bounded]:
    """(B, T, 3·H·D) -> q, k, v, each (B, H, T, D)."""
    b, t, packed = qkv.value.shape
    d = packed // (3 * heads)
    apart = qkv.moved(lambda x: x.reshape(b, t, 3, heads, d).transpose(2, 0, 3, 1, 4))
    return [apart.moved(lambda x, k=k: x[k]) for k in range(3)]


def join(x: Bounded) -> Bounded:
    """(B, H, T, D) -> (B, T, H·D)."""
    b, h, t, d = x.value.shape
    return x.moved(lambda y: y.transpose(0, 2, 1, 3).reshape(b, t, h * d))


def scores(q: Bounded, k: Bounded) -> Bounded:
    """q·kᵀ/√D where the key is not later than the query, else −inf; (B, H, T, T)."""
    time, width = q.value.shape[-2:]
    seen = np.tril(np.ones((time, time))) != 0
    return ((q @ k.swapped()) * (1.0 / sqrt(width))).chosen(seen, -inf)


def attention(outs: Any, qkv: Bounded, *, heads: int) -> Any:
    q, k, v = split(qkv, heads)
    s = scores(q, k)
    lse = log_sum_exp(s)  # (B, H, T, 1)
    return join(softmax_of(s) @ v), lse.reshape(lse.value.shape[:-1])


def attention_bwd(
    outs: Any, qkv: Bounded, y: Bounded, lse: Bounded, g: Bounded, *, heads: int
) -> Any:
    q, k, v = split(qkv, heads)
    b, h, t, d = q.value.shape
    p = (scores(q, k) - lse.reshape((b, h, t, 1))).exp()

    def by_head(x: Bounded) -> Bounded:
        """(B, T, H·D) -> (B, H, T, D)."""
        return x.moved(lambda z: z.reshape(b, t, h, d).transpose(0, 2, 1, 3))

    dy = by_head(g)
    delta = (dy * by_head(y)).sum(axis=-1)
    ds = p * (dy @ v.swapped() - delta) * (1.0 / sqrt(d))
    parts = [join(x) for x in (ds @ k, ds.swapped() @ q, p.swapped() @ dy)]
    values = np.concatenate([x.value for x in parts], axis=-1)
    errors = np.concatenate([x.error for x in parts], axis=-1)
    return (Bounded(values, errors, qkv.precision),)


REFERENCES: dict[str, Reference] = {"attention": attention, "attention_bwd": attention_bwd}

"""What attention to caches computes: each sequence alone, and only the places that are known.

The caches are judged to the bit: their new rows are copies and their old ones untouched. Bounds of
y are attention's own. Read next: `update.py`.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np

from rinzler.conformance.bounded import Bounded, Reference
from rinzler.conformance.reference.attention import split
from rinzler.conformance.reference.normalization import softmax_of


def attention_cached(outs: Any, qkv: Bounded, position: np.ndarray, *, heads: int) -> Any:
    keys, values = (cache.value.copy() for cache in outs[1:])
    q, k, v = split(qkv, heads)  # (B, H, N, D)
    new, width = q.value.shape[2:]
    answers = []
    for b, past in enumerate(position):
        known = past + new
        keys[b, :, past:known] = k.value[b]
        values[b, :, past:known] = v.value[b]
        used_keys, used_values = (
            Bounded.exact(cache[b, :, :known], qkv.precision) for cache in (keys, values)
        )
        s = (q.moved(lambda x, b=b: x[b]) @ used_keys.swapped()) * (1.0 / sqrt(width))
        seen = np.arange(known) <= past + np.arange(new)[:, None]
        mean = softmax_of(s.chosen(seen, -inf)) @ used_values  # (H, N, D)
        answers.append(mean.moved(lambda x: x.transpose(1, 0, 2).reshape(new, -1)))
    y = Bounded(
        np.stack([x.value for x in answers]),
        np.stack([x.error for x in answers]),
        qkv.precision,
    )
    return y, keys, values


REFERENCES: dict[str, Reference] = {"attention_cached": attention_cached}

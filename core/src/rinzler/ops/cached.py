"""Attention of new positions to all that came before: what generates text token by token.

The keys and values of a position never change once they are known, so they are kept: two caches of
the full context, (B, H, T, D), heads apart because that is how they are read. A call writes the new
positions' keys and values where they belong and attends with their queries only.

How far each sequence has come is an array of ids, not a number: a recorded step serves every
position, and sequences of a batch may stand at different ones. The whole prompt is one call with
many new positions at position 0; then each token is one with a single new position.
Read next: `loss.py`.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np

from rinzler.errors import ShapeError
from rinzler.ops.attention import merge_heads, sizes_of, split_heads
from rinzler.ops.dispatch import call
from rinzler.ops.spec import (
    OpSpec,
    Spec,
    Specs,
    bad_shape,
    expect_ids,
    expect_rank,
    expect_shape,
    register,
    same_float,
)

NAME = "attention_cached"


def _infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    keys, values, qkv, position = specs
    if keys is None or values is None:
        raise ShapeError(f"{NAME}: it writes into caches; pass out=(None, keys, values)")
    expect_rank(NAME, "qkv", qkv, 3)
    expect_rank(NAME, "keys", keys, 4)
    heads = attrs["heads"]
    if heads < 1 or qkv.shape[2] % (3 * heads):
        raise bad_shape(NAME, "qkv", qkv, f"a last axis divisible by 3·{heads} heads")
    batch, new, heads, size = sizes_of(qkv, heads)
    context = keys.shape[2]
    expect_shape(NAME, "keys", keys, (batch, heads, context, size), "B, H, T, D to meet qkv")
    expect_shape(NAME, "values", values, tuple(keys.shape), "that of keys")
    if new > context:
        raise bad_shape(NAME, "qkv", qkv, f"at most {context} positions, as the caches have")
    expect_shape(NAME, "position", position, (batch,), "one for each sequence")
    room = f"{new} more have to fit into caches of {context}"
    expect_ids(NAME, "position", position, context - new + 1, room)
    dtype = same_float(NAME, ("keys", "values", "qkv"), (keys, values, qkv))
    cache = Spec(tuple(keys.shape), dtype)
    return Spec((batch, new, heads * size), dtype), cache, cache


def _default(outs: Any, qkv: Any, position: Any, *, heads: int) -> None:
    """Masks instead of indices: no id is read by the host, and no kernel but the required runs."""
    y, keys, values = outs
    b, n, h, d = sizes_of(qkv, heads)
    t = keys.shape[2]
    number = qkv.device.constant
    below, above = number(-0.5, qkv.dtype), number(0.5, qkv.dtype)
    ahead = _ahead(position, n, t, qkv.dtype)  # (B, N, T): 0 at a query's own place
    seen = call("less", ahead, above)
    own = call("sub", seen, call("less", ahead, below))
    first = call("slice", ahead, starts=(0, 0, 0), shape=(b, 1, t))
    last = call("slice", ahead, starts=(0, n - 1, 0), shape=(b, 1, t))
    known = call("less", last, above)  # (B, 1, T): 1 up to the last new position
    new = _over_heads(call("sub", known, call("less", first, below)), h, d)  # (B·H, T, D)
    own, seen = (_stretched(x, h).reshape((b * h, n, t)) for x in (own, seen))

    q, k, v = split_heads(qkv, heads)  # (B·H, N, D) each
    for cache, rows in ((keys, k), (values, v)):
        flat = cache.reshape((b * h, t, d))
        placed = call("matmul", own, rows, ta=True, tb=False, accumulate=False)  # -> (B·H, T, D)
        call("where", new, placed, flat, out=flat)
    s = call("matmul", q, keys.reshape((b * h, t, d)), ta=False, tb=True, accumulate=False)
    s = call("mul", s, number(1.0 / sqrt(d), qkv.dtype))
    s = call("where", seen, s, number(-inf, qkv.dtype))
    p = call("softmax", s.reshape((b * h * n, t))).reshape(s.shape)
    # Beyond what is known the caches may hold anything, and 0·NaN is NaN.
    known = _over_heads(known, h, d)
    clean = call("where", known, values.reshape((b * h, t, d)), number(0.0, qkv.dtype))
    attended = merge_heads(call("matmul", p, clean, ta=False, tb=False, accumulate=False), heads)
    call("slice", attended, starts=(0, 0, 0), shape=attended.shape, out=y)


def _ahead(position: Any, new: int, time: int, dtype: str) -> Any:
    """How far place u of the cache lies ahead of query n, u − (position + n), (B, N, T)."""
    device, batch = position.device, position.shape[0]

    def make() -> Any:
        return device.array(np.arange(time, dtype=dtype).reshape(time, 1))

    places = device.cached(("places", time, dtype), make)
    start = call("take_rows", places, position).reshape((batch, 1, 1))  # ids become floats here
    steps = call("slice", places, starts=(0, 0), shape=(new, 1)).reshape((1, new, 1))
    at = call("add", *(call("expand", x, shape=(batch, new, time)) for x in (start, steps)))
    return call("sub", call("expand", places.reshape((time,)), shape=at.shape), at)


def _stretched(x: Any, heads: int) -> Any:
    """(B, N, T) -> (B, H, N, T), the same for every head."""
    b, n, t = x.shape
    return call("expand", x.reshape((b, 1, n, t)), shape=(b, heads, n, t))


def _over_heads(x: Any, heads: int, size: int) -> Any:
    """(B, 1, T) -> (B·H, T, D), the same for every head and along D."""
    b, _, t = x.shape
    x = call("expand", x.reshape((b, 1, t, 1)), shape=(b, heads, t, size))
    return x.reshape((b * heads, t, size))


def _cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    """Two products over the caches, if they are full: each element is read for them once."""
    keys, _, qkv, _ = specs
    b, h, t, d = keys.shape
    n = qkv.shape[1]
    return 4 * b * h * n * t * d, 4 * (2 * b * h * t * d + 6 * b * h * n * d)


register(
    OpSpec(
        NAME,
        ("qkv", "position"),
        ("y", "keys", "values"),
        """
        Forward   keys[b, h, position[b] + n] = k[b, n, h] for the N new positions; values alike;
                  y[b, n] = the mean of the values up to position[b] + n, as in attention.
        Gradient  none: who generates does not learn.
        Hazard    places beyond position[b] + N hold whatever they held, NaN too: none may count.
        """,
        _infer,
        None,
        _default,
        updates=(1, 2),
        cost=_cost,
    )
)

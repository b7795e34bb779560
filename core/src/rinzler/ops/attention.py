"""Causal attention on the packed output of the qkv projection.

Each position t asks with its query which earlier positions' keys it resembles, and takes the mean
of their values by that resemblance (Vaswani et al. 2017, arXiv:1706.03762, eq. 1). The operand is
what the projection writes: (B, T, 3·H·D), q, k and v one after the other on the last axis, heads
contiguous inside each; the result is (B, T, H·D), what the next projection reads. No copy between.

The default below is the definition. It materialises (B·H, T, T); a backend's kernel need not.
Read next: `cached.py`, the same for a few new positions at a time.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np

from rinzler.ops.dispatch import call
from rinzler.ops.normalization import spread
from rinzler.ops.spec import (
    OpSpec,
    Spec,
    Specs,
    bad_shape,
    expect_rank,
    expect_shape,
    register,
    same_float,
)


def sizes_of(qkv: Any, heads: int) -> tuple[int, int, int, int]:
    """B, T, H, D of a packed operand."""
    batch, time, packed = qkv.shape
    return batch, time, heads, packed // (3 * heads)


def _attention_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (qkv,) = specs
    expect_rank("attention", "qkv", qkv, 3)
    batch, time, packed = qkv.shape
    heads = attrs["heads"]
    if heads < 1 or packed % (3 * heads):
        raise bad_shape("attention", "qkv", qkv, f"a last axis divisible by 3·{heads} heads")
    dtype = same_float("attention", ("qkv",), specs)
    return Spec((batch, time, packed // 3), dtype), Spec((batch, heads, time), dtype)


def split_heads(qkv: Any, heads: int) -> tuple[Any, Any, Any]:
    """(B, T, 3·H·D) -> q, k, v, each (B·H, T, D)."""
    b, t, h, d = sizes_of(qkv, heads)
    parts = call("permute", qkv.reshape((b, t, 3, h, d)), axes=(2, 0, 3, 1, 4))  # (3, B, H, T, D)
    parts = parts.reshape((3, b * h * t * d))
    rows = [
        call("slice", parts, starts=(k, 0), shape=(1, b * h * t * d)).reshape((b * h, t, d))
        for k in range(3)
    ]
    return rows[0], rows[1], rows[2]


def merge_heads(x: Any, heads: int) -> Any:
    """(B·H, T, D) -> (B, T, H·D)."""
    bh, t, d = x.shape
    x = x.reshape((bh // heads, heads, t, d))
    return call("permute", x, axes=(0, 2, 1, 3)).reshape((bh // heads, t, heads * d))


def _causal_mask(scores: Any) -> Any:
    """1 where position t may look at s ≤ t, shaped (B·H, T, T) as the scores."""
    time = scores.shape[1]
    device, dtype = scores.device, scores.dtype

    def make() -> Any:
        return device.array(np.tril(np.ones((time, time), dtype)))

    mask = device.cached(("causal mask", time, dtype), make)
    return call("expand", mask, shape=scores.shape)  # (T, T) -> (B·H, T, T)


def _scores(q: Any, k: Any) -> Any:
    """q·kᵀ/√D with −inf above the diagonal, (B·H, T, T)."""
    number = q.device.constant
    s = call("matmul", q, k, ta=False, tb=True, accumulate=False)
    s = call("mul", s, number(1.0 / sqrt(q.shape[2]), q.dtype))
    return call("where", _causal_mask(s), s, number(-inf, q.dtype))


def _attention_default(outs: Any, qkv: Any, *, heads: int) -> None:
    y, lse = outs
    q, k, v = split_heads(qkv, heads)
    s = _scores(q, k)
    rows = s.reshape((s.shape[0] * s.shape[1], s.shape[2]))  # (B·H·T, T)
    top = call("max_rows", rows)
    powers = call("exp", call("sub", rows, spread(top, rows)))
    sums = call("sum_rows", powers)
    call("add", top, call("log", sums), out=lse.reshape((lse.size,)))
    p = call("div", powers, spread(sums, rows)).reshape(s.shape)
    attended = merge_heads(call("matmul", p, v, ta=False, tb=False, accumulate=False), heads)
    call("slice", attended, starts=(0, 0, 0), shape=attended.shape, out=y)


def _attention_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    saved = (node["qkv"], node["y"], node["lse"])
    return (call("attention_bwd", *saved, grads[0], heads=node.attrs["heads"]),)


def _attention_bwd_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    qkv, y, lse, g = specs
    out_y, out_lse = _attention_infer((qkv,), attrs)
    expect_shape("attention_bwd", "y", y, out_y.shape, "that of forward")
    expect_shape("attention_bwd", "lse", lse, out_lse.shape, "that of forward")
    expect_shape("attention_bwd", "g", g, out_y.shape, "that of y")
    dtype = same_float("attention_bwd", ("qkv", "y", "lse", "g"), specs)
    return (Spec(tuple(qkv.shape), dtype),)


def _attention_bwd_default(outs: Any, qkv: Any, y: Any, lse: Any, g: Any, *, heads: int) -> None:
    b, t, h, d = sizes_of(qkv, heads)
    q, k, v = split_heads(qkv, heads)
    s = _scores(q, k)
    rows = s.reshape((b * h * t, t))
    p = call("exp", call("sub", rows, spread(lse.reshape((b * h * t,)), rows))).reshape(s.shape)

    def by_head(x: Any) -> Any:  # (B, T, H·D) -> (B·H, T, D)
        x = call("permute", x.reshape((b, t, h, d)), axes=(0, 2, 1, 3))
        return x.reshape((b * h, t, d))

    dy = by_head(g)
    delta = call("mul", dy, by_head(y)).reshape((b * h * t, d))
    delta = call("sum_rows", delta)  # Σ_d dy·y = Σ_s p·dp, the softmax's own mean
    dv = call("matmul", p, dy, ta=True, tb=False, accumulate=False)
    dp = call("matmul", dy, v, ta=False, tb=True, accumulate=False).reshape(rows.shape)
    ds = call("mul", p.reshape(rows.shape), call("sub", dp, spread(delta, dp)))
    ds = call("mul", ds, q.device.constant(1.0 / sqrt(d), q.dtype)).reshape(s.shape)
    dq = call("matmul", ds, k, ta=False, tb=False, accumulate=False)
    dk = call("matmul", ds, q, ta=True, tb=False, accumulate=False)
    packed = call("concat", dq, dk, dv, axis=0).reshape((3, b, h, t, d))
    call("permute", packed, axes=(1, 3, 0, 2, 4), out=outs[0].reshape((b, t, 3, h, d)))


def _cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    """Two products over the lower triangle: half of T² for each."""
    b, t, h, d = sizes_of(specs[0], attrs["heads"])
    return 2 * b * h * t * t * d, 4 * 4 * b * t * h * d


def _bwd_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    """Five products: the scores again, dv, dp, dq and dk."""
    b, t, h, d = sizes_of(specs[0], attrs["heads"])
    return 5 * b * h * t * t * d, 4 * 8 * b * t * h * d


register(
    OpSpec(
        "attention",
        ("qkv",),
        ("y", "lse"),
        """
        Forward   per head: s = q·kᵀ/√D, s[t, u] = −inf for u > t; p = softmax(s); y = p·v;
                  lse[t] = ln Σ_u e^(s[t, u]), from which backward rebuilds p. qkv (B, T, 3·H·D)
                  holds q, k and v one after the other, in each of them head by head.
        Gradient  dv = pᵀ·g; dp = g·vᵀ; softmax's slope gives ds = p·(dp − δ), δ = Σ_u p·dp, which
                  equals Σ_d g·y; dq = ds·k/√D; dk = dsᵀ·q/√D.
        Hazard    scores grow with √D times the weights' norm; the maximum is taken out before exp.
        """,
        _attention_infer,
        _attention_vjp,
        _attention_default,
        saves=("qkv", "y", "lse"),
        cost=_cost,
    )
)
register(
    OpSpec(
        "attention_bwd",
        ("qkv", "y", "lse", "g"),
        ("dqkv",),
        """
        Forward   p = e^(s − lse); δ = Σ_d g·y; ds = p·(g·vᵀ − δ); dq = ds·k/√D; dk = dsᵀ·q/√D;
                  dv = pᵀ·g; packed as qkv is.
        Gradient  none: Rinzler differentiates once.
        Hazard    rebuilding p from lse must use the same scores as forward did, to the last bits.
        """,
        _attention_bwd_infer,
        None,
        _attention_bwd_default,
        cost=_bwd_cost,
    )
)

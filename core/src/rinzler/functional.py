"""Rung 2d: the ops that take several tensors, as plain functions.

`tensor.py` has what one tensor can do; here are products, joins, and the layers' formulas. Each
function folds leading axes, so that (B, T, C) works wherever the op table wants (N, C).
Read next: `nn/`, which gives these functions their parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from rinzler.errors import ShapeError
from rinzler.ops import call
from rinzler.ops.movement import expect_axis
from rinzler.shapes import broadcast_shape, expand_ellipsis, window
from rinzler.tensor import Tensor, apply, as_tensor


def matmul(a: Tensor, b: Tensor, ta: bool = False, tb: bool = False) -> Tensor:
    """op(a) @ op(b) over the last two axes; leading axes are a batch and broadcast.

    `ta`, `tb` transpose without a copy. A vector on the right or left is a column or row, as in
    numpy. Raises ShapeError where the inner axes differ.
    """
    if not a.ndim or not b.ndim:
        raise ShapeError(f"matmul: shapes {a.shape} and {b.shape}, expected at least one axis each")
    if a.ndim == b.ndim == 1:
        return matmul(a.reshape(1, a.size), b).reshape(())  # a dot product
    if a.ndim == 1:
        y = matmul(a.reshape(1, a.size), b, tb=tb)  # (K,) -> (1, K)
        return y.reshape((*y.shape[:-2], y.shape[-1]))
    if b.ndim == 1:
        y = matmul(a, b.reshape(b.size, 1), ta=ta)  # (K,) -> (K, 1)
        return y.reshape(y.shape[:-1])
    if b.ndim == 2 and not ta:  # one product over all rows of the batch
        y = _product(_rows(a), b, False, tb)
        return y.reshape((*a.shape[:-1], y.shape[-1]))
    if a.ndim == b.ndim <= 3 and a.shape[:-2] == b.shape[:-2]:
        return _product(a, b, ta, tb)
    return _batched(a, b, ta, tb)


def _product(a: Tensor, b: Tensor, ta: bool, tb: bool) -> Tensor:
    return apply("matmul", a, b, ta=ta, tb=tb, accumulate=False)


def _batched(a: Tensor, b: Tensor, ta: bool, tb: bool) -> Tensor:
    """Leading axes broadcast against each other and folded into one."""
    lead = broadcast_shape("matmul", a.shape[:-2], b.shape[:-2])
    n = prod(lead)
    a = a.expand(*lead, *a.shape[-2:]).reshape(n, *a.shape[-2:])
    b = b.expand(*lead, *b.shape[-2:]).reshape(n, *b.shape[-2:])
    y = _product(a, b, ta, tb)
    return y.reshape(*lead, *y.shape[-2:])


def _rows(x: Tensor) -> Tensor:
    """(..., C) -> (N, C)."""
    return x if x.ndim == 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])


def linear(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """x @ w + b for x (..., in), w [in, out], b (out,)."""
    y = apply("linear", _rows(x), w, b)
    return y.reshape((*x.shape[:-1], w.shape[1]))


def linear_gelu(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """gelu(x @ w + b) in one op."""
    y = apply("linear_gelu", _rows(x), w, b)
    return y.reshape((*x.shape[:-1], w.shape[1]))


def layer_norm(x: Tensor, w: Tensor, b: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """(x − mean) / √(var + eps)·w + b over the last axis."""
    return apply("layer_norm", _rows(x), w, b, eps=eps).reshape(x.shape)


def embedding(table: Tensor, ids: Tensor) -> Tensor:
    """Rows of the table by id: (V, C) and (B, T) -> (B, T, C). Repeated ids sum their gradients."""
    return apply("take_rows", table, ids)


def attention(qkv: Tensor, heads: int) -> Tensor:
    """Causal attention on packed q, k, v: (B, T, 3·H·D) -> (B, T, H·D)."""
    return apply("attention", qkv, heads=heads)


def attention_cached(
    qkv: Tensor, keys: Tensor, values: Tensor, position: Tensor, heads: int
) -> Tensor:
    """`attention` of (B, N, 3·H·D) new positions to all before them: -> (B, N, H·D).

    The new keys and values are written into the caches, (B, H, T, D) each, from `position` (B,) of
    each sequence on. It has no gradient: who generates does not learn.
    """
    caches = (keys.array, values.array)
    y, _, _ = call("attention_cached", qkv.array, position.array, out=(None, *caches), heads=heads)
    return Tensor._of(y)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of −ln softmax(logits)[target], in nats; logits (..., V), targets (...)."""
    if targets.shape != logits.shape[:-1]:
        raise ShapeError(
            f"cross_entropy: targets have shape {targets.shape}, expected {logits.shape[:-1]}, "
            "one id for each row of the logits"
        )
    return apply("cross_entropy", _rows(logits), targets.reshape(targets.size))


def where(mask: Tensor, a: Any, b: Any) -> Tensor:
    """a where the mask (0 and 1) is set, else b; shapes broadcast, numbers are fine."""
    like = a if isinstance(a, Tensor) else b if isinstance(b, Tensor) else mask
    a, b = as_tensor(a, like), as_tensor(b, like)
    shape = broadcast_shape("where", mask.shape, a.shape, b.shape)
    mask, a, b = (
        x if x.shape == shape or (x.size == 1 and x is not mask) else x.expand(shape)
        for x in (mask, a, b)
    )
    return apply("where", mask, a, b)


def maximum(a: Tensor, b: Any) -> Tensor:
    """The larger of each pair."""
    return a.maximum(b)


def concat(tensors: Sequence[Tensor], axis: int = -1) -> Tensor:
    """One after the other along an axis; by default columns beside columns."""
    if not tensors:
        raise ShapeError("concat: no tensors given")
    axis = expect_axis("concat", axis, tensors[0].ndim)
    full = [x for x in tensors if x.size] or list(tensors[:1])
    return apply("concat", *full, axis=axis)


def slice_of(x: Tensor, key: Any) -> Tensor:
    """x[key] for slices of step 1, whole numbers and `...`. Raises ShapeError for any other key."""
    keys = key if isinstance(key, tuple) else (key,)
    keys = expand_ellipsis(keys, x.ndim)
    if len(keys) > x.ndim:
        raise ShapeError(f"slice: {len(keys)} indices for a tensor of {x.ndim} dimensions")
    starts, shape, kept = [], [], []
    for axis, n in enumerate(x.shape):
        start, length, keep = window(keys[axis] if axis < len(keys) else slice(None), n, axis)
        starts.append(start)
        shape.append(length)
        kept.extend([length] if keep else [])
    if tuple(shape) != x.shape:
        x = apply("slice", x, starts=tuple(starts), shape=tuple(shape))
    return x if x.shape == tuple(kept) else x.reshape(tuple(kept))

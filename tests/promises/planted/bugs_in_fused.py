"""Planted bugs in fused kernels, each with words that the kit has to say of it.

Read next: `planted.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np

from rinzler.plugins import open_device

Kernel = Callable[..., None]
GOOD = open_device("numpy").backend.kernels


# --- layers and activations --------------------------------------------------------------------


def good_linear_bwd(dx: Any, dw: Any, db: Any, x: Any, w: Any, g: Any) -> None:
    """The numpy backend has no kernel for it: here is one, for the two bugs below to spoil."""
    np.matmul(g, w.T, out=dx)
    if dw is not None:
        dw += x.T @ g
    if db is not None:
        db += g.sum(axis=0)


def linear_bwd_overwrites_dw(dx: Any, dw: Any, db: Any, x: Any, w: Any, g: Any) -> None:
    if dw is not None:
        dw[...] = 0.0
    good_linear_bwd(dx, dw, db, x, w, g)


def linear_bwd_always_wants_db(dx: Any, dw: Any, db: Any, x: Any, w: Any, g: Any) -> None:
    """Writes db where it is absent by writing it to the end of dw."""
    good_linear_bwd(dx, dw, db, x, w, g)
    if db is None and dw is not None:
        dw.reshape(-1)[-1] += g.sum()


def gelu_by_erf(out: Any, x: Any) -> None:
    out[...] = 0.5 * x * (1 + np.vectorize(erf)(x / np.sqrt(2.0)))


def relu_drops_nan(out: Any, x: Any) -> None:
    np.fmax(x, 0, out=out)


def sum_cols_misses_a_row(out: Any, x: Any) -> None:
    out[...] = x[: max(len(x) - 1, 1)].sum(axis=0)


# --- the rest ---------------------------------------------------------------------------------


def softmax_without_the_maximum(out: Any, x: Any) -> None:
    powers = np.exp(x)
    out[...] = powers / powers.sum(axis=1, keepdims=True)


def softmax_writes_before_it_has_read(out: Any, x: Any) -> None:
    np.exp(x - x.max(axis=1, keepdims=True), out=out)
    out /= np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)


def layer_norm_by_mean_of_squares(
    y: Any, mean: Any, rstd: Any, x: Any, w: Any, b: Any, *, eps: float
) -> None:
    mean[...] = x.mean(axis=1)
    variance = (x * x).mean(axis=1) - mean * mean
    rstd[...] = 1 / np.sqrt(np.maximum(variance, 0) + x.dtype.type(eps))
    y[...] = (x - mean[:, None]) * rstd[:, None] * w + (0 if b is None else b)


def layer_norm_leaves_rstd_out(
    y: Any, mean: Any, rstd: Any, x: Any, w: Any, b: Any, *, eps: float
) -> None:
    GOOD["layer_norm"](y, mean, np.empty_like(rstd), x, w, b, eps=eps)


def layer_norm_bwd_ignores_the_variance(
    dx: Any, dw: Any, db: Any, x: Any, w: Any, mean: Any, rstd: Any, g: Any
) -> None:
    GOOD["layer_norm_bwd"](dx, dw, db, x, w, mean, rstd, g)
    h = g * w
    dx[...] = rstd[:, None] * (h - h.mean(axis=1, keepdims=True))


def attention_sees_one_ahead(y: Any, lse: Any, qkv: Any, *, heads: int) -> None:
    b, t, packed = qkv.shape
    q, k, v = qkv.reshape(b, t, 3, heads, -1).transpose(2, 0, 3, 1, 4)
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(packed // 3 // heads, dtype=qkv.dtype)
    s = np.where(np.tril(np.ones((t, t)), 1) != 0, s, -np.inf)
    powers = np.exp(s - s.max(axis=-1, keepdims=True))
    lse[...] = np.log(powers.sum(axis=-1)) + s.max(axis=-1)
    y[...] = (
        (powers / powers.sum(axis=-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(y.shape)
    )


def attention_cached_forgets_what_is_new(
    y: Any, keys: Any, values: Any, qkv: Any, position: Any, *, heads: int
) -> None:
    """Attends right, but to copies: the next token would not find this one."""
    GOOD["attention_cached"](y, keys.copy(), values.copy(), qkv, position, heads=heads)


def attention_cached_takes_one_position_for_all(
    y: Any, keys: Any, values: Any, qkv: Any, position: Any, *, heads: int
) -> None:
    first = np.full_like(position, position[0])
    GOOD["attention_cached"](y, keys, values, qkv, first, heads=heads)


def attention_cached_reads_all_places(
    y: Any, keys: Any, values: Any, qkv: Any, position: Any, *, heads: int
) -> None:
    """With weight 0, which is not enough: 0·NaN is NaN."""
    GOOD["attention_cached"](y, keys, values, qkv, position, heads=heads)
    y += 0 * values.sum()


def attention_cached_shows_new_ones_each_other(
    y: Any, keys: Any, values: Any, qkv: Any, position: Any, *, heads: int
) -> None:
    """Every new position sees all new ones: harmless for one, wrong for a prompt."""
    GOOD["attention_cached"](y, keys, values, qkv, position, heads=heads)
    new = qkv.shape[1]
    for n in range(new - 1):
        last = qkv.copy()
        last[:, -1, : y.shape[2]] = qkv[:, n, : y.shape[2]]  # its query, asked by the last
        whole = y.copy()
        GOOD["attention_cached"](whole, keys.copy(), values.copy(), last, position, heads=heads)
        y[:, n] = whole[:, -1]


def cross_entropy_means_over_columns(loss: Any, lse: Any, logits: Any, targets: Any) -> None:
    GOOD["cross_entropy"](loss, lse, logits, targets)
    loss *= logits.shape[0] / logits.shape[1]


def cross_entropy_bwd_forgets_g(out: Any, logits: Any, targets: Any, lse: Any, g: Any) -> None:
    GOOD["cross_entropy_bwd"](out, logits, targets, lse, np.ones_like(g))


def adamw_ignores_ok(p: Any, m: Any, v: Any, g: Any, hyper: Any, scale: Any, ok: Any) -> None:
    GOOD["adamw"](p, m, v, g, hyper, scale, np.ones_like(ok))


def adamw_ignores_scale(p: Any, m: Any, v: Any, g: Any, hyper: Any, scale: Any, ok: Any) -> None:
    GOOD["adamw"](p, m, v, g, hyper, np.ones_like(scale), ok)


def adamw_with(
    p: Any,
    m: Any,
    v: Any,
    g: Any,
    hyper: Any,
    scale: Any,
    ok: Any,
    *,
    inside: bool = False,
    corrected: bool = True,
    swapped: bool = False,
    decay_at: str = "start",
) -> None:
    """A sound AdamW, in PyTorch's order of operations, for the bugs below to spoil."""
    if not ok:
        return
    lr, beta1, beta2, eps, decay, c1, c2 = hyper
    one = p.dtype.type(1)
    if swapped:
        beta1, beta2 = beta2, beta1
    if not corrected:
        c1 = c2 = one
    g = g * scale + (decay * p if decay_at == "gradient" else p.dtype.type(0))
    m += (one - beta1) * (g - m)
    v[...] = v * beta2 + (one - beta2) * g * g
    root = np.sqrt(v / c2 + eps) if inside else np.sqrt(v) / np.sqrt(c2) + eps
    kept = one - lr * decay
    if decay_at == "start":
        p *= kept
    p -= lr / c1 * m / root
    if decay_at == "end":
        p *= kept


def adamw_with_eps_inside_the_root(*operands: Any) -> None:
    adamw_with(*operands, inside=True)


def adamw_without_bias_correction(*operands: Any) -> None:
    adamw_with(*operands, corrected=False)


def adamw_decays_after_the_step(*operands: Any) -> None:
    adamw_with(*operands, decay_at="end")


def adamw_decays_the_gradient(*operands: Any) -> None:
    adamw_with(*operands, decay_at="gradient")


def adamw_swaps_the_betas(*operands: Any) -> None:
    adamw_with(*operands, swapped=True)


def random_uniform_ignores_site(out: Any, key: Any, *, shape: Any, dtype: str, site: int) -> None:
    from rinzler.philox import Key, uniform

    out[...] = uniform(Key.from_words(key, 0), shape, dtype)


BUGS: list[tuple[Kernel, str]] = [
    (linear_bwd_overwrites_dw, "dw["),
    (linear_bwd_always_wants_db, "-no-db"),
    (gelu_by_erf, "gelu/4099"),
    (relu_drops_nan, "expected nan"),
    (sum_cols_misses_a_row, "sum_cols/1031x3"),
    (softmax_without_the_maximum, "softmax/large-7x33"),
    (softmax_writes_before_it_has_read, "(written over x)"),
    (layer_norm_by_mean_of_squares, "layer_norm/offset-7x129"),
    (layer_norm_leaves_rstd_out, "rstd[0] is nan"),
    (layer_norm_bwd_ignores_the_variance, "dx["),
    (attention_sees_one_ahead, "attention/1x2x1x3"),
    (attention_cached_forgets_what_is_new, "keys["),
    (attention_cached_takes_one_position_for_all, "attention_cached/3x1x7x2x5-at-4-0-6"),
    (attention_cached_reads_all_places, "is nan"),
    (attention_cached_shows_new_ones_each_other, "attention_cached/1x5x5x1x4-at-0"),
    (cross_entropy_means_over_columns, "loss["),
    (cross_entropy_bwd_forgets_g, "dlogits["),
    (adamw_ignores_ok, "adamw/not-ok-nan-7"),
    (adamw_ignores_scale, "adamw/clipped-33"),
    (adamw_with_eps_inside_the_root, "adamw/coarse-33 float32: p["),
    (adamw_without_bias_correction, "adamw/first-33 float32: p["),
    (adamw_decays_after_the_step, "adamw/coarse-33 float32: p["),
    (adamw_decays_the_gradient, "adamw/coarse-33 float32: m["),
    (adamw_swaps_the_betas, "adamw/33 float32: m["),
    (random_uniform_ignores_site, "random_uniform/site-1-7"),
]

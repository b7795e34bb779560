"""Causal attention on the packed qkv, some sequences and a block of positions at a time.

q, k and v are strided views of the packed operand: BLAS reads rows that lie apart as long as each
is contiguous, so nothing is copied. Blocks use causality: a block of queries needs no key after its
last, a block of keys no query before its first, and so the scores beyond are never computed. What
is held at one time is scores of a few sequences, never (B, H, T, T).

Read next: `loss.py`; the derivation stands in `rinzler.ops.attention`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, sqrt

import numpy as np

from rinzler_numpy.scratch import scratch

POSITIONS = 32  # in one block; more would skip less of the triangle, fewer make small products
SCORES = 512 * 1024  # bytes of scores at one time: five passes go over them

FUTURE = np.triu(np.ones((POSITIONS, POSITIONS), bool), 1)  # [query, key]


def heads_of(x: np.ndarray, heads: int) -> np.ndarray:
    """(B, T, H·D) -> a view (B, H, T, D)."""
    batch, time, width = x.shape
    return x.reshape(batch, time, heads, width // heads).swapaxes(1, 2)


def packed_heads(qkv: np.ndarray, heads: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(B, T, 3·H·D) -> views q, k, v, each (B, H, T, D)."""
    batch, time, packed = qkv.shape
    q, k, v = qkv.reshape(batch, time, 3, heads, packed // 3 // heads).transpose(2, 0, 3, 1, 4)
    return q, k, v


def sequences(batch: int, heads: int, time: int, itemsize: int) -> Iterator[slice]:
    """Slices of the batch whose scores, POSITIONS by T for each head, take about SCORES bytes."""
    step = max(1, SCORES // (heads * min(time, POSITIONS) * time * itemsize))
    for start in range(0, batch, step):
        yield slice(start, min(start + step, batch))


def positions(time: int) -> Iterator[slice]:
    for start in range(0, time, POSITIONS):
        yield slice(start, min(start + POSITIONS, time))


def hide_future(scores: np.ndarray) -> None:
    """−inf where the key comes after the query, in the square (..., n, n) on the diagonal."""
    n = scores.shape[-1]
    np.copyto(scores, -inf, where=FUTURE[:n, :n])


def attention(y: np.ndarray, lse: np.ndarray, qkv: np.ndarray, *, heads: int) -> None:
    q, k, v = packed_heads(qkv, heads)
    y = heads_of(y, heads)
    batch, _, time, _ = q.shape
    for some in sequences(batch, heads, time, q.itemsize):
        for block in positions(time):
            forward_block(
                y[some, :, block],
                lse[some, :, block],
                q[some, :, block],
                k[some, :, : block.stop],
                v[some, :, : block.stop],
            )


def forward_block(
    y: np.ndarray, lse: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray
) -> None:
    """t queries against the u ≥ t keys up to the last of them; the last t keys are their own."""
    (b, h, t, d), u = q.shape, k.shape[2]
    scaled = np.multiply(q, 1 / sqrt(d), out=scratch(0, q.shape, q.dtype))
    s = np.matmul(scaled, k.swapaxes(2, 3), out=scratch(1, (b, h, t, u), q.dtype))
    hide_future(s[..., u - t :])
    top = s.max(axis=3)  # (B, H, t, u) -> (B, H, t)
    s -= top[..., None]
    powers = np.exp(s, out=s)
    total = np.einsum("bhtu->bht", powers)
    np.matmul(powers, v, out=y)  # (t, u) @ (u, D) -> (t, D)
    y /= total[..., None]
    np.add(top, np.log(total), out=lse)


def attention_bwd(
    dqkv: np.ndarray,
    qkv: np.ndarray,
    y: np.ndarray,
    lse: np.ndarray,
    g: np.ndarray,
    *,
    heads: int,
) -> None:
    q, k, v = packed_heads(qkv, heads)
    dq, dk, dv = packed_heads(dqkv, heads)
    y, g = heads_of(y, heads), heads_of(g, heads)
    batch, _, time, size = q.shape
    for some in sequences(batch, heads, time, q.itemsize):
        scaled = np.multiply(q[some], 1 / sqrt(size), out=scratch(0, q[some].shape, q.dtype))
        delta = np.einsum("bhtd,bhtd->bht", g[some], y[some])
        dq[some] = 0
        for block in positions(time):
            backward_block(
                dq[some, :, block.start :],
                dk[some, :, block],
                dv[some, :, block],
                scaled[:, :, block.start :],
                k[some, :, block],
                v[some, :, block],
                lse[some, :, block.start :],
                delta[:, :, block.start :],
                g[some, :, block.start :],
            )
        dq[some] *= 1 / sqrt(size)


def backward_block(
    dq: np.ndarray,
    dk: np.ndarray,
    dv: np.ndarray,
    scaled: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    lse: np.ndarray,
    delta: np.ndarray,
    g: np.ndarray,
) -> None:
    """u keys against the t ≥ u queries from the first of them on; the first u are their own."""
    (b, h, t, _), u = scaled.shape, k.shape[2]
    p = np.matmul(scaled, k.swapaxes(2, 3), out=scratch(1, (b, h, t, u), k.dtype))
    hide_future(p[:, :, :u])
    p -= lse[..., None]
    np.exp(p, out=p)
    np.matmul(p.swapaxes(2, 3), g, out=dv)  # (u, t) @ (t, D) -> (u, D)
    ds = np.matmul(g, v.swapaxes(2, 3), out=scratch(2, p.shape, p.dtype))  # dp, to begin with
    ds -= delta[..., None]
    ds *= p
    np.matmul(ds.swapaxes(2, 3), scaled, out=dk)
    dq += np.matmul(ds, k, out=scratch(3, dq.shape, dq.dtype))


def attention_cached(
    y: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    qkv: np.ndarray,
    position: np.ndarray,
    *,
    heads: int,
) -> None:
    """One sequence after the other, for each has come as far as it has."""
    q, k, v = packed_heads(qkv, heads)  # (B, H, N, D)
    y = heads_of(y, heads)
    new = q.shape[2]
    lse = np.empty((1, heads, min(new, POSITIONS)), qkv.dtype)  # nobody wants it here
    for b, past in enumerate(position.tolist()):
        one = slice(b, b + 1)
        keys[b, :, past : past + new] = k[b]
        values[b, :, past : past + new] = v[b]
        for block in positions(new):
            known = slice(past + block.stop)
            forward_block(
                y[one, :, block],
                lse[:, :, : block.stop - block.start],
                q[one, :, block],
                keys[one, :, known],
                values[one, :, known],
            )


KERNELS = {
    "attention": attention,
    "attention_bwd": attention_bwd,
    "attention_cached": attention_cached,
}

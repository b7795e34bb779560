"""Attention, forward and backward, where the shared cases do not reach: sizes around a vector's
width, many blocks on several threads, large scores, numbers that are none.

What is right comes from the definition in float64, a few lines below, and its gradient from the
same lines by hand. Read next: `test_numba_decode.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rinzler.ops import Array, Device, call
from rinzler_numba import scratch as pieces

# B, T, H, D: on both sides of one vector and of several, D below, at and above whole vectors
SIZES = [
    *((1, time, 2, 16) for time in (1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65, 130)),
    *((2, 19, 3, size) for size in (1, 2, 7, 8, 9, 15, 17, 24, 32, 33, 64, 80)),
    (3, 48, 1, 96),
    (1, 300, 2, 40),
]


def split(packed: np.ndarray, parts: int, heads: int) -> list[np.ndarray]:
    """(B, T, parts·H·D) -> so many of (B, H, T, D), in float64."""
    b, t, width = packed.shape
    apart = packed.astype(np.float64).reshape(b, t, parts, heads, width // parts // heads)
    return list(apart.transpose(2, 0, 3, 1, 4))


def join(*parts: np.ndarray) -> np.ndarray:
    """(B, H, T, D) each -> (B, T, parts·H·D)."""
    b, _, t, _ = parts[0].shape
    return np.stack(parts).transpose(1, 3, 0, 2, 4).reshape(b, t, -1)


def softmax(qkv: np.ndarray, heads: int) -> tuple[np.ndarray, np.ndarray]:
    """p and lse, by the definition."""
    q, k, _ = split(qkv, 3, heads)
    s = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])
    s[..., np.triu(np.ones(s.shape[2:], bool), 1)] = -np.inf
    top = s.max(axis=3)
    lse = top + np.log(np.exp(s - top[..., None]).sum(axis=3))
    return np.exp(s - lse[..., None]), lse


def gradient(qkv: np.ndarray, g: np.ndarray, heads: int) -> np.ndarray:
    (q, k, v), (dy,) = split(qkv, 3, heads), split(g, 1, heads)
    p, _ = softmax(qkv, heads)
    dp = dy @ v.swapaxes(2, 3)
    ds = p * (dp - (p * dp).sum(axis=3, keepdims=True)) / np.sqrt(q.shape[3])
    return join(ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ dy)


def assert_near(got: Array, want: np.ndarray, tolerance: float) -> None:
    """The worst element, measured by the largest of what is right."""
    assert got.shape == want.shape
    worst = abs(got.numpy() - want).max()
    assert worst <= tolerance * max(abs(want).max(), 1.0)


@pytest.mark.parametrize(("b", "t", "h", "d"), SIZES)
def test_forward_and_backward_are_the_definition(
    device: Device, rng: np.random.Generator, b: int, t: int, h: int, d: int
) -> None:
    host = rng.standard_normal((b, t, 3 * h * d)).astype(np.float32)
    g = rng.standard_normal((b, t, h * d)).astype(np.float32)
    qkv = device.array(host)
    p, true_lse = softmax(host, h)
    y, lse = call("attention", qkv, heads=h)
    assert_near(y, join(p @ split(host, 3, h)[2]), 2e-6)
    assert_near(lse, true_lse, 1e-6)
    dqkv = call("attention_bwd", qkv, y, lse, device.array(g), heads=h)
    assert_near(dqkv, gradient(host, g, h), 4e-6)


def test_bits_depend_on_neither_threads_nor_luck(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list[list[bytes]]]
) -> None:
    for t, d in ((70, 16), (33, 5)):
        qkv = device.array(rng.standard_normal((5, t, 3 * 7 * d)).astype(np.float32))
        g = device.array(rng.standard_normal((5, t, 7 * d)).astype(np.float32))

        def both(qkv: Array = qkv, g: Array = g) -> list[Array]:
            y, lse = call("attention", qkv, heads=7)
            return [y, lse, call("attention_bwd", qkv, y, lse, g, heads=7)]

        once, *others = on_threads(both)
        assert all(other == once for other in others)


def test_what_comes_later_changes_no_bit_of_what_was_before(
    device: Device, rng: np.random.Generator
) -> None:
    """Causality, to the last bit: also of a shorter text, whose blocks end elsewhere."""
    host = rng.standard_normal((1, 90, 3 * 2 * 16)).astype(np.float32)
    y, lse = (x.numpy() for x in call("attention", device.array(host), heads=2))
    for time in (1, 15, 16, 17, 40, 89):
        changed = host.copy()
        changed[:, time:] = 7.0
        for text in (changed, host[:, :time]):
            early, early_lse = call("attention", device.array(text), heads=2)
            assert early.numpy()[:, :time].tobytes() == y[:, :time].tobytes()
            assert early_lse.numpy()[:, :, :time].tobytes() == lse[:, :, :time].tobytes()


def test_large_scores_keep_their_softmax(device: Device, rng: np.random.Generator) -> None:
    """Thousands apart: e^s alone would be inf, and each query sees its best key only."""
    host = (100 * rng.standard_normal((2, 40, 3 * 2 * 8))).astype(np.float32)
    p, true_lse = softmax(host, 2)
    y, lse = call("attention", device.array(host), heads=2)
    assert true_lse.max() > 1000
    assert_near(y, join(p @ split(host, 3, 2)[2]), 1e-3)
    assert_near(lse, true_lse, 1e-6)


@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf])
def test_what_is_no_number_shows_in_all_that_saw_it(device: Device, value: float) -> None:
    """A query's own row only; a key's and a value's row and all after it."""
    h, d, t, at = 2, 16, 50, 21
    rng = np.random.default_rng(3)
    host = abs(rng.standard_normal((1, t, 3, h, d))).astype(np.float32)
    for part, hit in ((0, [at]), (1, range(at, t)), (2, range(at, t))):
        spoilt = host.copy()
        spoilt[0, at, part, 1, 3] = value
        y, lse = call("attention", device.array(spoilt.reshape(1, t, -1)), heads=h)
        rows = y.numpy().reshape(t, h, d)
        assert np.isfinite(rows[:, 0]).all()  # the other head
        bad = ~np.isfinite(rows[:, 1]).all(axis=1)
        assert set(hit) <= set(np.flatnonzero(bad))
        # 0·NaN is NaN: in a product, eight rows share their keys. Nothing before those is hit.
        assert np.flatnonzero(bad).min() >= at - at % 8
        if part < 2:
            assert np.flatnonzero(bad).tolist() == list(hit)
            assert np.flatnonzero(~np.isfinite(lse.numpy()[0, 1])).tolist() == list(hit)


def test_python_threads_at_once_do_not_share_scratch(
    device: Device, rng: np.random.Generator
) -> None:
    """More of them than there are pieces: some wait, and none sees another's numbers."""
    inputs = [
        device.array(rng.standard_normal((2, 40 + 9 * k, 3 * 2 * 16)).astype(np.float32))
        for k in range(8)
    ]

    def bits(qkv: Array) -> list[bytes]:
        return [call("attention", qkv, heads=2)[0].numpy().tobytes() for _ in range(20)]

    alone = [bits(qkv)[0] for qkv in inputs]
    try:
        device.backend.set_threads(1)
        with ThreadPoolExecutor(8) as crowd:
            together = list(crowd.map(bits, inputs))
    finally:
        device.backend.set_threads(2)
    assert together == [[once] * 20 for once in alone]
    assert not pieces._marks.any()  # all were given back


def test_scratch_grows_and_stays() -> None:
    small = pieces.scratch(100)
    assert pieces.scratch(50) is small
    large = pieces.scratch(small.room + 1)
    assert large.room > small.room
    assert large.address % 64 == 0
    assert pieces.scratch(small.room) is large
    assert large.memory.nbytes >= large.pieces * large.room

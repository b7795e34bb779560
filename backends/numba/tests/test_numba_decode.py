"""Attention to caches: the same as attention to the whole text, however the text is cut.

Read next: `test_numba_loss.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rinzler.ops import Array, Device, call
from rinzler.plugins import open_device

# B, T, H, D, and the lengths of the pieces that the text comes in
TEXTS = [
    (1, 40, 2, 16, [23] + [1] * 17),
    (2, 33, 3, 5, [1] * 33),
    (2, 70, 1, 24, [17, 1, 16, 1, 1, 33, 1]),
    (1, 129, 2, 64, [128, 1]),
    (3, 20, 4, 32, [2] * 10),
    (1, 9, 1, 1, [1, 3, 1, 4]),
]


def numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def cached(
    device: Device, qkv: np.ndarray, caches: tuple[Array, Array], position: object, heads: int
) -> np.ndarray:
    where = device.array(np.asarray(position, np.int32))
    y, _, _ = call(
        "attention_cached", device.array(qkv), where, out=(None, *caches), heads=heads
    )  # fmt: skip
    return y.numpy()


@pytest.mark.parametrize(("b", "t", "h", "d", "lengths"), TEXTS)
def test_a_text_in_pieces_is_the_text(
    device: Device, rng: np.random.Generator, b: int, t: int, h: int, d: int, lengths: list[int]
) -> None:
    """The caches start as NaN: none of it may ever count. Afterwards they hold all k and v."""
    qkv = numbers(rng, b, t, 3 * h * d)
    whole, _ = call("attention", device.array(qkv), heads=h)
    caches = tuple(device.full((b, h, t, d), np.nan, "float32") for _ in "kv")
    past = 0
    for length in lengths:
        y = cached(device, qkv[:, past : past + length], caches, [past] * b, h)
        want = whole.numpy()[:, past : past + length]
        assert abs(y - want).max() <= 2e-6 * max(abs(want).max(), 1.0)
        past += length
    assert past == t
    parts = qkv.reshape(b, t, 3, h, d).transpose(2, 0, 3, 1, 4)
    for cache, rows in zip(caches, parts[1:], strict=True):
        assert cache.numpy().tobytes() == rows.tobytes()


@pytest.mark.parametrize("new", [1, 2, 19])
@pytest.mark.parametrize("d", [3, 8, 16, 40])
def test_sequences_may_stand_at_different_positions(
    device: Device, rng: np.random.Generator, new: int, d: int
) -> None:
    """Against the numpy backend in float64, and no place written but the new ones."""
    b, t, h = 4, 50, 3
    position = [0, 31, 7, t - new]
    qkv, keys, values = numbers(rng, b, new, 3 * h * d), *(numbers(rng, b, h, t, d) for _ in "kv")
    caches = (device.array(keys), device.array(values))
    y = cached(device, qkv, caches, position, h)
    exact = open_device("numpy")
    true_caches = tuple(exact.array(x.astype(np.float64)) for x in (keys, values))
    want = cached(exact, qkv.astype(np.float64), true_caches, position, h)
    assert abs(y - want).max() <= 2e-6 * abs(want).max()
    for cache, true in zip(caches, true_caches, strict=True):
        assert np.array_equal(cache.numpy(), true.numpy())


@pytest.mark.parametrize("new", [1, 6])
def test_bits_depend_on_neither_threads_nor_luck(
    device: Device,
    rng: np.random.Generator,
    on_threads: Callable[..., list[list[bytes]]],
    new: int,
) -> None:
    b, t, h, d = 6, 90, 5, 32
    qkv = device.array(numbers(rng, b, new, 3 * h * d))
    caches = tuple(device.array(numbers(rng, b, h, t, d)) for _ in "kv")
    position = device.array(np.array([0, 84, 17, 50, 3, 80], np.int32))

    def run() -> list[Array]:
        return list(call("attention_cached", qkv, position, out=(None, *caches), heads=h))

    once, *others = on_threads(run)
    assert all(other == once for other in others)


def test_a_value_that_is_no_number_shows_from_there_on(device: Device) -> None:
    qkv = np.ones((1, 1, 3 * 16), np.float32)
    caches = tuple(device.full((1, 1, 20, 16), 1.0, "float32") for _ in "kv")
    for position in range(20):
        qkv[0, 0, 40] = np.nan if position == 5 else 1.0
        y = cached(device, qkv, caches, [position], 1)
        assert np.isnan(y[0, 0]).tolist() == [k == 8 and position >= 5 for k in range(16)]


def test_large_scores_keep_their_softmax(device: Device, rng: np.random.Generator) -> None:
    qkv, keys, values = (100 * numbers(rng, *shape) for shape in ((1, 1, 48), *[(1, 2, 30, 8)] * 2))
    y = cached(device, qkv, (device.array(keys), device.array(values)), [29], 2)
    keys[0, :, 29], values[0, :, 29] = qkv[0, 0, 16:].reshape(2, 2, 8)
    s = np.einsum("hd,htd->ht", qkv[0, 0, :16].reshape(2, 8).astype(np.float64), keys[0])
    p = np.exp((s - s.max(axis=1, keepdims=True)) / np.sqrt(8))
    want = np.einsum("ht,htd->hd", p / p.sum(axis=1, keepdims=True), values[0]).reshape(1, 1, 16)
    assert abs(y - want).max() <= 1e-3 * abs(want).max()

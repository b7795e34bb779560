"""Attention in both of its forms: any D and T, any number of new positions, and nothing of T × T.

The conformance cases run in test_vulkan_conformance.py; here is what they are too small for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from vulkan_testing import settings

from rinzler.ops import Device, call
from rinzler_vulkan.attention import SUPPORTS, TILE_BYTES, attention, attention_bwd
from rinzler_vulkan.backend import VulkanBackend
from rinzler_vulkan.call import Call, Scratch

FORMS = {"rows": frozenset[str](), "tiled": frozenset({"barrier_free"})}


@pytest.fixture(scope="module", params=FORMS)
def form(driver: None, request: pytest.FixtureRequest) -> Any:
    """A device that takes one of the forms."""
    made = VulkanBackend(settings(without=FORMS[request.param]))
    yield Device(made)
    made.close()
    assert not made.instance.messages


def exact(qkv: np.ndarray, g: np.ndarray, heads: int) -> tuple[np.ndarray, ...]:
    """y, lse and dqkv in float64, by the definition."""
    b, t, packed = qkv.shape
    parts = qkv.astype(np.float64).reshape(b, t, 3, heads, -1).transpose(2, 0, 3, 1, 4)
    q, k, v = parts  # (B, H, T, D) each
    dy = g.astype(np.float64).reshape(b, t, heads, -1).transpose(0, 2, 1, 3)
    scale = 1 / np.sqrt(q.shape[-1])
    s = np.where(np.tril(np.ones((t, t))) != 0, q @ k.swapaxes(2, 3) * scale, -np.inf)
    top = s.max(-1, keepdims=True)
    lse = top + np.log(np.exp(s - top).sum(-1, keepdims=True))
    p = np.exp(s - lse)
    dp = dy @ v.swapaxes(2, 3)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) * scale
    slopes = np.stack([ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ dy])
    y = (p @ v).transpose(0, 2, 1, 3).reshape(b, t, -1)
    return y, lse[..., 0], slopes.transpose(1, 3, 0, 2, 4).reshape(b, t, packed)


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * abs(expected).max())


@pytest.mark.parametrize(
    ("t", "h", "d"),
    [
        (70, 2, 20),  # several rows for an invocation, the last of them past T
        (33, 1, 30),  # eight fours, the last of them cut
        (40, 2, 80),  # strips and steps that D does not fill
        (35, 1, 160),  # two windows; too wide for registers
    ],
)
def test_any_size_of_heads(form: Device, rng: np.random.Generator, t: int, h: int, d: int) -> None:
    qkv = rng.standard_normal((2, t, 3 * h * d)).astype(np.float32)
    g = rng.standard_normal((2, t, h * d)).astype(np.float32)
    y, lse, dqkv = exact(qkv, g, h)
    x, slope = form.array(qkv), form.array(g)
    found_y, found_lse = call("attention", x, heads=h)
    close(found_y.numpy(), y)
    close(found_lse.numpy(), lse)
    found = call("attention_bwd", x, found_y, found_lse, slope, heads=h)
    close(found.numpy(), dqkv)
    again = call("attention_bwd", x, found_y, found_lse, slope, heads=h)
    assert np.array_equal(found.numpy(), again.numpy())


@pytest.mark.parametrize("pieces", [(1,) * 5, (37, 1, 2), (8, 32)])
def test_cached_is_the_same_attention(
    form: Device, rng: np.random.Generator, pieces: tuple[int, ...]
) -> None:
    b, h, d, context, total = 2, 2, 16, 48, sum(pieces)
    qkv = rng.standard_normal((b, total, 3 * h * d)).astype(np.float32)
    expected, _, _ = exact(qkv, np.zeros((b, total, h * d)), h)
    unknown = np.full((b, h, context, d), np.nan, np.float32)
    keys, values = form.array(unknown), form.array(unknown)
    answers, start = [], 0
    for new in pieces:
        rows = form.array(qkv[:, start : start + new])
        position = form.array(np.full((b,), start, np.int32))
        y, _, _ = call("attention_cached", rows, position, out=(None, keys, values), heads=h)
        answers.append(y.numpy())
        start += new
    close(np.concatenate(answers, axis=1), expected)
    kept = keys.numpy()
    assert np.array_equal(
        kept[:, :, :total], qkv.reshape(b, total, 3, h, d)[:, :, 1].swapaxes(1, 2)
    )
    assert np.isnan(kept[:, :, total:]).all()


def test_nan_reaches_whoever_sees_it(form: Device, rng: np.random.Generator) -> None:
    h, d, bad = 2, 16, 21
    qkv = rng.standard_normal((1, 40, 3 * h * d)).astype(np.float32)
    qkv[0, bad, h * d] = np.nan  # a key of head 0
    y, lse = call("attention", form.array(qkv), heads=h)
    heads = y.numpy().reshape(40, h, d)
    assert np.isfinite(heads[:, 1]).all()
    assert np.isfinite(heads[:bad, 0]).all()
    assert np.isnan(heads[bad:, 0]).all()
    g = form.array(np.ones((1, 40, h * d), np.float32))
    slopes = call("attention_bwd", form.array(qkv), y, lse, g, heads=h).numpy()
    slopes = slopes.reshape(40, 3, h, d)
    assert np.isfinite(slopes[:, :, 1]).all()
    assert np.isnan(slopes[bad:, 0, 0]).all()


def test_a_large_batch_is_taken_in_pieces(form: Device, rng: np.random.Generator) -> None:
    b, t, h, d = 5, 16, 2, 8
    qkv = rng.standard_normal((b, t, 3 * h * d)).astype(np.float32)
    g = rng.standard_normal((b, t, h * d)).astype(np.float32)
    backend: Any = form.backend
    caps = replace(backend.device.caps, max_range=2 * 4 * t * 3 * h * d + 100)
    x, slope = form.array(qkv), form.array(g)
    y, lse = form.empty((b, t, h * d), "float32"), form.empty((b, h, t), "float32")
    dqkv = form.empty(qkv.shape, "float32")
    calls = attention(caps, y.handle, lse.handle, x.handle, heads=h)
    assert [each.grid[2] for each in calls] == [2, 2, 1]
    backend.recorder.run("attention", calls)
    handles = (dqkv.handle, x.handle, y.handle, lse.handle, slope.handle)
    backend.recorder.run("attention_bwd", attention_bwd(caps, *handles, heads=h))
    for found, expected in zip((y, lse, dqkv), exact(qkv, g, h), strict=True):
        close(found.numpy(), expected)


@pytest.fixture
def planned() -> Callable[..., list[Call]]:
    """Calls of a backward pass, without a driver."""

    def plan(b: int, t: int, h: int, d: int, **facts: Any) -> list[Call]:
        def memory(*shape: int) -> Any:
            return SimpleNamespace(shape=shape, size=int(np.prod(shape)), nbytes=0)

        caps: Any = SimpleNamespace(**{"barrier_free": True, "max_range": 1 << 40, **facts})
        width = h * d
        arrays = [memory(b, t, 3 * width), memory(b, t, 3 * width), memory(b, t, width)]
        arrays += [memory(b, h, t), memory(b, t, width)]
        return attention_bwd(caps, *arrays, heads=h)

    return plan


def test_backward_keeps_one_number_of_a_query(planned: Callable[..., list[Call]]) -> None:
    for facts in ({}, {"barrier_free": False}):
        calls = planned(4, 1000, 12, 64, **facts)
        scratch = {x for each in calls for x in each.operands if isinstance(x, Scratch)}
        assert [x.shape for x in scratch] == [(4, 12, 1000)]


def test_the_form_follows_the_device(planned: Callable[..., list[Call]]) -> None:
    rows, tiles = planned(2, 100, 3, 16), planned(2, 100, 3, 160, barrier_free=False)
    assert [each.shader for each in rows] == ["attention_bwd_q", "attention_bwd_kv"]
    assert [each.spec["ROWS"] for each in rows] == [4, 4]
    assert [each.grid for each in rows] == [(4, 3, 2), (4, 3, 2)]
    assert [each.shader for each in tiles] == ["attention_bwd_q_tiled", "attention_bwd_kv_tiled"]
    assert [each.spec["STRIPS"] for each in tiles] == [3, 2]
    assert [each.grid for each in tiles] == [(4, 6, 2), (4, 9, 2)]
    wide = planned(1, 8, 1, 160)  # more than registers hold, on any device
    assert wide[0].shader == "attention_bwd_q_tiled"


def test_little_shared_memory_is_said_before_it_is_used() -> None:
    for supports in SUPPORTS.values():
        for room in (TILE_BYTES - 1, TILE_BYTES):
            caps: Any = SimpleNamespace(shared_bytes=room)
            assert supports(caps, ()) == (room == TILE_BYTES)

"""Matrix products in all of their forms, whatever form this device would choose, and in blocks.

The forms for GPUs run on the software driver too: what a device can do is data, so a kernel is
asked for the calls of another device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product as pairs
from typing import Any

import numpy as np
import pytest

from rinzler.ops import Device, Spec
from rinzler_vulkan import product as forms
from rinzler_vulkan.call import Call
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.matmul import gelu_fits, linear, linear_bwd, linear_gelu, matmul

FORMS: dict[str, dict[str, Any]] = {
    "eight lanes": {"barrier_free": True, "shuffle": True, "subgroup": 8},
    "four lanes": {"barrier_free": True, "shuffle": True, "subgroup": 4},
    "tiles": {"barrier_free": False},
}
SIZES = [  # M, K, N: what is whole, what has edges, what is in fours, what is not, what is few
    (128, 64, 128),
    (132, 36, 200),
    (129, 31, 67),
    (20, 33, 260),
    (4, 132, 68),
    (3, 40, 71),
    (1, 128, 1),
]
Make = Callable[..., Any]


@pytest.fixture(params=[*FORMS, "large tiles"])
def caps(backend: Any, request: Any, monkeypatch: pytest.MonkeyPatch) -> DeviceCaps:
    """This device, as if it were another."""
    if request.param == "large tiles":
        monkeypatch.setattr(forms, "ENOUGH", 1)
    changes = FORMS.get(request.param, FORMS["tiles"])
    return replace(backend.device.caps, **changes)


@pytest.fixture
def make(rng: np.random.Generator) -> Make:
    def one(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    return one


def close(got: np.ndarray, expected: np.ndarray, weight: np.ndarray, inner: int) -> None:
    """Within K roundings of Σ|a||b|, the bound of any order of summing."""
    bound = (inner + 8) * 2.0**-23 * (weight + 1.0)
    assert (abs(got.astype(np.float64) - expected) <= bound).all()


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_form_multiplies(
    device: Device, backend: Any, caps: DeviceCaps, make: Make, sizes: tuple[int, int, int]
) -> None:
    m, k, n = sizes
    for ta, tb, accumulate in pairs((False, True), repeat=3):
        a, b, y = make(*((k, m) if ta else (m, k))), make(*((n, k) if tb else (k, n))), make(m, n)
        handles = [device.array(x) for x in (y, a, b)]
        flags: Any = {"ta": ta, "tb": tb, "accumulate": accumulate}
        backend.recorder.run("matmul", matmul(caps, *[x.handle for x in handles], **flags))
        left, right = (a.T if ta else a).astype(float), (b.T if tb else b).astype(float)
        start = y if accumulate else 0.0
        weight = abs(left) @ abs(right) + abs(np.asarray(start))
        close(handles[0].numpy(), left @ right + start, weight, k)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_form_makes_layers(
    device: Device, backend: Any, caps: DeviceCaps, make: Make, sizes: tuple[int, int, int]
) -> None:
    rows, width, out = sizes
    x, w, b, g = make(rows, width), make(width, out), make(out), make(rows, out)
    dw, db = make(width, out), make(out)
    arrays = [device.array(v) for v in (x, w, b, g, dw, db)]
    hx, hw, hb, hg, hdw, hdb = (v.handle for v in arrays)
    y, pre = device.empty((rows, out), "float32"), device.empty((rows, out), "float32")
    dx = device.empty((rows, width), "float32")
    run = backend.recorder.run
    run("linear_gelu", linear_gelu(caps, y.handle, pre.handle, hx, hw, hb))
    run("linear_bwd", linear_bwd(caps, dx.handle, hdw, hdb, hx, hw, hg))
    wide = [v.astype(float) for v in (x, w, b, g)]
    x, w, b, g = wide
    close(pre.numpy(), x @ w + b, abs(x) @ abs(w) + abs(b), width)
    held = pre.numpy().astype(float)
    smooth = held * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (held + 0.044715 * held**3)))
    np.testing.assert_allclose(y.numpy(), smooth, rtol=2e-6, atol=1e-6)
    close(dx.numpy(), g @ w.T, abs(g) @ abs(w).T, out)
    close(arrays[4].numpy(), dw + x.T @ g, abs(dw) + abs(x).T @ abs(g), rows)
    close(arrays[5].numpy(), db + g.sum(0), abs(db) + abs(g).sum(0), rows)


def seen(calls: list[Call]) -> int:
    """The most bytes that a shader sees of an operand."""
    return max(x.nbytes for call in calls for x in call.operands if x is not None)


# Stored rows of up to 80 elements, of which a shader shall see 64 at once.
RANGE = 4 * (64 * 80 + forms.CUT)
BLOCKS: dict[str, tuple[tuple[int, ...], tuple[int, int, int], bool, bool]] = {
    "rows of a": ((), (200, 76, 20), False, False),
    "rows of a, transposed": ((), (76, 200, 20), True, False),
    "rows of b": ((), (20, 200, 76), False, False),
    "rows of b, transposed": ((), (20, 76, 200), False, True),
    "rows of y": ((), (200, 20, 76), False, False),
    "all": ((), (131, 80, 79), False, False),
    "all, a transposed": ((), (79, 131, 80), True, False),
    "all, b transposed": ((), (131, 80, 79), False, True),
    "a batch": ((9,), (36, 31, 33), False, False),
    "a batch of odd sizes, b transposed": ((9,), (31, 30, 33), False, True),
    "a batch of what is too large": ((2,), (80, 70, 76), True, False),
}


@pytest.mark.parametrize("kind", ["eight lanes", "tiles"])
@pytest.mark.parametrize("cut", BLOCKS)
def test_matrices_past_the_range_are_taken_in_blocks(
    device: Device, backend: Any, make: Make, cut: str, kind: str
) -> None:
    caps = replace(backend.device.caps, max_range=RANGE, **FORMS[kind])
    batch, (m, k, n), ta, tb = BLOCKS[cut]
    a = make(*batch, *((k, m) if ta else (m, k)))
    b = make(*batch, *((n, k) if tb else (k, n)))
    y = make(*batch, m, n)
    handles = [device.array(x) for x in (y, a, b)]
    calls = matmul(caps, *[x.handle for x in handles], ta=ta, tb=tb, accumulate=True)
    assert len(calls) > 1
    assert seen(calls) <= RANGE
    backend.recorder.run("matmul", calls)
    left, right = (a.swapaxes(-1, -2) if ta else a), (b.swapaxes(-1, -2) if tb else b)
    left, right = left.astype(float), right.astype(float)
    close(handles[0].numpy(), left @ right + y, abs(left) @ abs(right) + abs(y), k)


def test_layers_past_the_range_are_taken_in_blocks(
    device: Device, backend: Any, make: Make
) -> None:
    """A bias is added once, sums see every row once, and a table of an embedding is such a w."""
    caps = replace(backend.device.caps, max_range=RANGE)
    rows, width, out = 150, 140, 80
    x, w, b, g = make(rows, width), make(width, out), make(out), make(rows, out)
    dw, db = make(width, out), make(out)
    hx, hw, hb, hg, hdw, hdb = (device.array(v) for v in (x, w, b, g, dw, db))
    y, dx = device.empty((rows, out), "float32"), device.empty((rows, width), "float32")
    calls = linear(caps, y.handle, hx.handle, hw.handle, hb.handle)
    calls += linear_bwd(caps, dx.handle, hdw.handle, hdb.handle, hx.handle, hw.handle, hg.handle)
    backend.recorder.run("linear", calls)
    assert len(calls) > 3
    x, w, b, g = (v.astype(float) for v in (x, w, b, g))
    close(y.numpy(), x @ w + b, abs(x) @ abs(w) + abs(b), width)
    close(dx.numpy(), g @ w.T, abs(g) @ abs(w).T, out)
    close(hdw.numpy(), dw + x.T @ g, abs(dw) + abs(x).T @ abs(g), rows)
    close(hdb.numpy(), db + g.sum(0), abs(db) + abs(g).sum(0), rows)


def test_gelu_needs_all_of_the_weights_at_once(backend: Any) -> None:
    caps = replace(backend.device.caps, max_range=RANGE)
    shapes = ((2, 64), (64, 80), (66, 80))
    x, small, large = (Spec(shape, "float32") for shape in shapes)
    assert gelu_fits(caps, (x, small, None))
    assert not gelu_fits(caps, (x, large, None))


def test_a_form_is_chosen_by_what_the_device_has(backend: Any) -> None:
    gpu = replace(backend.device.caps, barrier_free=False, max_invocations=1024, shared_bytes=32768)
    software = replace(gpu, barrier_free=True, shuffle=True, subgroup=8)
    whole = {"A": forms.ALONG_K, "B": forms.ALONG_EDGE, "RAGGED": False, "SUMS": False}

    def chosen(
        caps: DeviceCaps, rows: int, cols: int, **changes: Any
    ) -> tuple[str, tuple[int, int]]:
        return forms.form(caps, rows, cols, {**whole, **changes}, 1)[:2]

    assert chosen(software, 512, 512) == ("matmul", (32, 16))
    assert chosen(software, 2, 512) == ("matmul", (64, 4))
    assert chosen(replace(software, subgroup=4), 512, 512) == ("matmul", (16, 8))
    for lacking in ({"subgroup": 1}, {"shuffle": False}, {"barrier_free": False}):
        assert chosen(replace(software, **lacking), 512, 512)[0] == "matmul_tiled"
    assert chosen(gpu, 4, 512) == ("matmul_few", (64, 4))
    assert chosen(gpu, 4, 512, B=forms.ALONG_K) == ("matmul_few", (8, 4))
    assert chosen(gpu, 4, 512, A=forms.ONE_BY_ONE) == ("matmul_tiled", (128, 32))
    assert chosen(gpu, 512, 512) == ("matmul_tiled", (64, 64))
    assert chosen(gpu, 4096, 4096) == ("matmul_tiled", (128, 128))
    assert chosen(replace(gpu, shared_bytes=16384), 4096, 4096) == ("matmul_tiled", (64, 64))
    assert chosen(replace(gpu, max_invocations=128), 4096, 4096) == ("matmul_tiled", (64, 64))

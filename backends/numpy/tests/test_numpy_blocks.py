"""Operands of more than one block: the seams that small cases never reach.

The shared conformance cases are small, so they prove each formula inside of one block. Here every
kernel that cuts its operands into blocks, groups or pieces meets some of several, with a rest that
fills none, and must agree in float64 with core's default and with itself, bit for bit, when it runs
twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from rinzler.ops import Array, Device, call, no_fused
from rinzler_numpy.attention import POSITIONS, SCORES
from rinzler_numpy.matmul import PRODUCT
from rinzler_numpy.scratch import BLOCK

N = 3 * BLOCK // (8 * 33) + 5  # rows of 33 float64 in three blocks and a bit
C = 33
T = 2 * POSITIONS + 7
H, D = 3, 5
B = 2 * SCORES // (8 * H * POSITIONS * T) + 1  # sequences in two batches and a bit

Hosts = tuple[Sequence[Any], Sequence[Any], dict[str, Any]]  # inputs, outputs given, attributes
Maker = Callable[[np.random.Generator], Hosts]


def one(*shapes: tuple[int, ...], **attrs: Any) -> Maker:
    """Random inputs of these shapes, all outputs fresh."""
    return lambda rng: ([rng.standard_normal(shape) for shape in shapes], (), attrs)


def matmul(rows: tuple[int, ...], cols: int, inner: int) -> Maker:
    """Accumulating into a product of more bytes than are held at one time."""
    *batch, m = rows
    flags = {"ta": False, "tb": True, "accumulate": True}

    def make(rng: np.random.Generator) -> Hosts:
        a, b = rng.standard_normal((*batch, m, inner)), rng.standard_normal((*batch, cols, inner))
        assert 8 * np.prod((*batch, m, cols)) > PRODUCT
        return (a, b), (rng.standard_normal((*batch, m, cols)),), flags

    return make


def layer_norm_bwd(rng: np.random.Generator) -> Hosts:
    x, g = rng.standard_normal((2, N, C))
    w, dw, db = rng.standard_normal((3, C))
    return (x, w, x.mean(1), 1 / x.std(1), g), (None, dw, db), {}


def softmaxed(rng: np.random.Generator) -> Hosts:
    p = rng.random((N, C))
    return (p / p.sum(1, keepdims=True), rng.standard_normal((N, C))), (), {}


def log_softmaxed(rng: np.random.Generator) -> Hosts:
    (p, g), _, _ = softmaxed(rng)
    return (np.log(p), g), (), {}


def logits(rng: np.random.Generator) -> Hosts:
    targets = rng.integers(0, C, N).astype("int32")
    return (rng.standard_normal((N, C)), targets), (), {}


def logits_bwd(rng: np.random.Generator) -> Hosts:
    (z, targets), _, _ = logits(rng)
    lse = np.log(np.exp(z).sum(1))
    return (z, targets, lse, rng.standard_normal(())), (), {}


def adamw(rng: np.random.Generator) -> Hosts:
    p, m, v, g = rng.standard_normal((4, N * C))
    hyper = np.array([1e-3, 0.9, 0.99, 1e-8, 0.1, 0.1, 0.01])
    return (g, hyper, np.array(0.5), np.array(1.0)), (p, m, abs(v)), {}


def attention_bwd(rng: np.random.Generator) -> Hosts:
    qkv, g = rng.standard_normal((B, T, 3 * H * D)), rng.standard_normal((B, T, H * D))
    q, k, v = qkv.reshape(B, T, 3, H, D).transpose(2, 0, 3, 1, 4)
    s = np.where(np.tri(T), q @ k.swapaxes(2, 3) / np.sqrt(D), -np.inf)
    lse = np.log(np.exp(s).sum(3))
    y = (np.exp(s - lse[..., None]) @ v).swapaxes(1, 2).reshape(B, T, H * D)
    return (qkv, y, lse, g), (), {"heads": H}


CASES: dict[str, tuple[str, Maker]] = {
    "matmul 2-D": ("matmul", matmul((PRODUCT // 8000 + 3,), 1000, 3)),
    "matmul 3-D": ("matmul", matmul((5, 300), PRODUCT // 8000, 3)),
    "linear": ("linear", one((N, C), (C, 50), (50,))),
    "gelu": ("gelu", one((N, C))),
    "gelu_bwd": ("gelu_bwd", one((N, C), (N, C))),
    "layer_norm": ("layer_norm", one((N, C), (C,), (C,), eps=1e-5)),
    "layer_norm_bwd": ("layer_norm_bwd", layer_norm_bwd),
    "softmax": ("softmax", one((N, C))),
    "softmax_bwd": ("softmax_bwd", softmaxed),
    "log_softmax": ("log_softmax", one((N, C))),
    "log_softmax_bwd": ("log_softmax_bwd", log_softmaxed),
    "cross_entropy": ("cross_entropy", logits),
    "cross_entropy_bwd": ("cross_entropy_bwd", logits_bwd),
    "attention": ("attention", one((B, T, 3 * H * D), heads=H)),
    "attention_bwd": ("attention_bwd", attention_bwd),
    "sum_cols": ("sum_cols", one((N, C))),
    "sum_cols of one row": ("sum_cols", one((1, C))),
    "sumsq": ("sumsq", one((N, C))),
    "sumsq of few": ("sumsq", one((3,))),
    "adamw": ("adamw", adamw),
}


def outputs(device: Device, op: str, hosts: Hosts) -> list[np.ndarray]:
    """The results of a call on fresh memory."""

    def placed(host: Any) -> Array | None:
        return None if host is None else device.array(host)

    ins, given, attrs = hosts
    out = tuple(placed(host) for host in given) or None
    results = call(op, *(placed(host) for host in ins), out=out, **attrs)
    return [x.numpy() for x in (results if isinstance(results, tuple) else (results,))]


@pytest.mark.parametrize("name", CASES)
def test_blocks_join_without_a_seam(device: Device, rng: np.random.Generator, name: str) -> None:
    op, make = CASES[name]
    hosts = make(rng)
    got = outputs(device, op, hosts)
    if op == "matmul":  # a required kernel: its reference is the formula
        (a, b), (start,), _ = hosts
        expected = [start + a @ b.swapaxes(-1, -2)]
    else:
        with no_fused():
            expected = outputs(device, op, hosts)
    for mine, reference in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_the_same_call_gives_the_same_bits(
    device: Device, rng: np.random.Generator, name: str, dtype: str
) -> None:
    op, make = CASES[name]

    def cast(hosts: Sequence[Any]) -> list[Any]:
        return [x if x is None or x.dtype == "int32" else x.astype(dtype) for x in hosts]

    ins, given, attrs = make(rng)
    hosts = (cast(ins), cast(given), attrs)
    for first, second in zip(outputs(device, op, hosts), outputs(device, op, hosts), strict=True):
        assert first.tobytes() == second.tobytes()


def test_a_long_column_of_equal_numbers_sums_well(device: Device) -> None:
    """Adding them one by one would be wrong by hundreds of ulp, all in one direction."""
    x = np.full((100_003, 3), 1.1, "float32")
    exact = x.astype("float64").sum(axis=0)
    y = call("sum_cols", device.array(x)).numpy()
    assert (abs(y - exact) <= 2e-5 * exact).all()
    squares = (x.astype("float64") ** 2).sum()
    assert abs(call("sumsq", device.array(x)).item() - squares) <= 2e-6 * squares

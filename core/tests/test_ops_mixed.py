"""A backend may have any subset of the fused kernels: a fused forward has to meet a default
backward, and the reverse.

The fused kernels here are the oracle's formulas, written by other hands than core's defaults and
the numpy backend's kernels: if a pair agrees on what its named outputs mean, the gradients agree.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import rinzler as rz
from rinzler import Tensor, no_fused
from rinzler.conformance.altered import Altered
from rinzler.conformance.bounded import PRECISIONS, Bounded, plain
from rinzler.conformance.oracle import REFERENCES
from rinzler.ops import OPS, Backend, Device
from rinzler.plugins import open_device
from rinzler.tensor import apply

BACKENDS = ["numpy"]
FUSED = [row.name for row in OPS.values() if not row.required]


@pytest.fixture(autouse=True)
def _fused() -> Any:
    with no_fused(False):
        yield


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return open_device(request.param).backend


def oracle_kernel(op: str, calls: Counter[str]) -> Any:
    """The oracle's reference as a kernel, for handles that are numpy arrays."""
    count = len(OPS[op].outputs)

    def known(x: Any) -> Any:
        return Bounded.exact(x, PRECISIONS["float64"]) if is_float(x) else x

    def kernel(*handles: Any, **attrs: Any) -> None:
        calls[op] += 1
        outs, ins = handles[:count], handles[count:]
        with np.errstate(all="ignore"):
            answers = REFERENCES[op](tuple(map(known, outs)), *map(known, ins), **attrs)
        for out, answer in zip(outs, answers, strict=True):
            if out is not None:
                out[...] = plain(answer)

    return kernel


def is_float(x: Any) -> bool:
    return x is not None and x.dtype.kind == "f"


def with_only(backend: Backend, *ops: str) -> tuple[Device, Counter[str]]:
    """The required kernels of a backend, the oracle's for some fused ops, and a count of calls."""
    calls: Counter[str] = Counter()
    kernels = {op: oracle_kernel(op, calls) for op in ops}
    return Device(Altered(backend, without=FUSED, replaced=kernels)), calls


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng([3, *shape]).standard_normal(shape)


# What to run, with which operands, and the fused ops of which some are there and some are not.
PAIRS: dict[str, tuple[list[Any], dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "gelu": ([normal(5, 7)], {}, ("gelu",), ("gelu_bwd",)),
    "softmax": ([normal(5, 7)], {}, ("softmax",), ("softmax_bwd",)),
    "log_softmax": ([normal(5, 7)], {}, ("log_softmax",), ("log_softmax_bwd",)),
    "layer_norm": (
        [normal(5, 7), normal(7), normal(7) + 1.0],
        {"eps": 1e-5},
        ("layer_norm",),
        ("layer_norm_bwd",),
    ),
    "attention": ([normal(2, 5, 18)], {"heads": 2}, ("attention",), ("attention_bwd",)),
    "cross_entropy": (
        [normal(5, 7), np.array([6, 0, 3, 3, 1])],
        {},
        ("cross_entropy",),
        ("cross_entropy_bwd",),
    ),
    "linear": ([normal(3, 5), normal(5, 7), normal(7)], {}, ("linear",), ("linear_bwd",)),
    "linear_gelu": (
        [normal(3, 5), normal(5, 7), normal(7)],
        {},
        ("linear_gelu",),
        ("linear_bwd", "gelu_bwd"),
    ),
}


def gradients(device: Device, name: str) -> list[np.ndarray]:
    hosts, attrs, _, _ = PAIRS[name]
    leaves = [Tensor(x, requires_grad=is_float(x), device=device) for x in hosts]
    y = apply(name, *leaves, **attrs)
    y.backward(Tensor(normal(*y.shape, 1)[..., 0], device=device))
    return [leaf.grad.numpy() for leaf in leaves if leaf.grad is not None]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("side", ["forward", "backward", "both"])
def test_fused_and_default_meet(backend: Backend, name: str, side: str) -> None:
    defaults, _ = with_only(backend)
    _, _, forward, backward = PAIRS[name]
    there = {"forward": forward, "backward": backward, "both": forward + backward}[side]
    mixed, calls = with_only(backend, *there)
    for got, want in zip(gradients(mixed, name), gradients(defaults, name), strict=True):
        assert got == pytest.approx(want, rel=1e-10, abs=1e-12)
    assert set(calls) == set(there)  # each of them has run, so the comparison means something


def small_model(device: Device) -> list[np.ndarray]:
    """Loss and gradients of a transformer block that uses all fused ops that training uses."""

    def parameter(*shape: int) -> Tensor:
        return Tensor(0.3 * normal(*shape), requires_grad=True, device=device)

    parameters = [parameter(7, 6), parameter(6), parameter(6), parameter(6, 18), parameter(18)]
    parameters += [parameter(6, 24), parameter(24), parameter(24, 6), parameter(6)]
    table, scale, shift, w_qkv, b_qkv, w_up, b_up, w_down, b_down = parameters
    ids = Tensor(np.array([[1, 0, 5, 5], [6, 2, 2, 3]]), device=device)
    targets = Tensor(np.array([[0, 5, 5, 1], [2, 2, 3, 4]]), device=device)
    x = rz.embedding(table, ids)  # (B, T, C)
    normed = rz.layer_norm(x, scale, shift)
    x = x + rz.attention(rz.linear(normed, w_qkv, b_qkv), heads=2)
    x = x + rz.linear(rz.linear_gelu(x, w_up, b_up), w_down, b_down)
    loss = rz.cross_entropy(x @ table.T, targets) + x.softmax().log_softmax().relu().mean()
    loss.backward()
    return [loss.numpy(), *[p.grad.numpy() for p in parameters]]


@pytest.fixture
def want(backend: Backend) -> list[np.ndarray]:
    return small_model(with_only(backend)[0])


def agree(got: list[np.ndarray], want: list[np.ndarray]) -> None:
    for one, other in zip(got, want, strict=True):
        assert one == pytest.approx(other, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("op", FUSED)
def test_a_model_runs_with_one_fused_kernel_and_no_other(
    backend: Backend, op: str, want: list[np.ndarray]
) -> None:
    agree(small_model(with_only(backend, op)[0]), want)


@pytest.mark.parametrize("op", FUSED)
def test_a_model_runs_with_all_of_a_backends_kernels_but_one(
    backend: Backend, op: str, want: list[np.ndarray]
) -> None:
    agree(small_model(Device(Altered(backend, without={op}))), want)


def test_a_kernel_that_a_backend_does_not_support_here_is_the_default(backend: Backend) -> None:
    class Choosy(Altered):
        """Takes softmax of narrow rows only."""

        def supports(self, op: str, specs: Any) -> bool:
            return op != "softmax" or specs[0].shape[1] < 4

    calls: Counter[str] = Counter()
    device = Device(Choosy(backend, replaced={"softmax": oracle_kernel("softmax", calls)}))
    Tensor(normal(5, 3), device=device).softmax()
    assert calls["softmax"] == 1
    wide = Tensor(normal(5, 4), device=device).softmax()
    assert calls["softmax"] == 1
    assert wide.numpy().sum(axis=1) == pytest.approx(np.ones(5))

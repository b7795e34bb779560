"""GELU: every length, every magnitude, in place, and on any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan, pi, sqrt

import numpy as np
import pytest

from rinzler.conformance.case import case, floats, normal
from rinzler.conformance.run import run_case
from rinzler.ops import Device, call

LENGTHS = [2, 15, 16, 17, 63, 65, 255, 4095, 8193, 100_003]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("op", ["gelu", "gelu_bwd"])
def test_lengths_around_vectors_and_blocks(device: Device, op: str, n: int) -> None:
    """Within the bounds of the shared cases, fences untouched, fresh and over each operand."""
    assert op in device.backend.kernels  # and not core's default
    ins = [floats((n,), normal(3.0)) for _ in range(1 + (op == "gelu_bwd"))]
    result = run_case(device, case(op, f"long-{n}", *ins), "float32")
    assert result.ok, str(result)


def test_no_magnitude_misleads_the_slope(device: Device) -> None:
    """Between the curve and where x² overflows: 0 to the left, g to the right."""
    x = np.concatenate([10.0 ** np.arange(2, 19), -(10.0 ** np.arange(2, 19))]).astype("float32")
    g = np.full(x.shape, 3.0, "float32")
    dx = call("gelu_bwd", device.array(x), device.array(g)).numpy()
    np.testing.assert_array_equal(dx, np.where(x > 0, 3.0, 0.0))
    y = call("gelu", device.array(x)).numpy()
    np.testing.assert_array_equal(y, np.where(x > 0, x, 0.0))


def test_the_far_left_keeps_its_digits(device: Device) -> None:
    """x/(1 + e^(−2u)) does not cancel: relative precision where 1 + tanh u has none."""
    x = np.linspace(-10.0, -5.0, 1001).astype("float32")
    y = call("gelu", device.array(x)).numpy()
    wide = x.astype("float64")
    u = sqrt(2 / pi) * (wide + 0.044715 * wide**3)
    np.testing.assert_allclose(y, wide / (1 + np.exp(-2 * u)), rtol=3e-5)


def test_nan_stays_where_it_is(device: Device) -> None:
    x = np.linspace(-3, 3, 100).astype("float32")
    x[7], x[50] = nan, inf
    g = np.ones(100, "float32")
    g[20] = nan
    y = call("gelu", device.array(x)).numpy()
    assert np.flatnonzero(np.isnan(y)).tolist() == [7]
    assert y[50] == inf
    dx = call("gelu_bwd", device.array(x), device.array(g)).numpy()
    assert np.flatnonzero(np.isnan(dx)).tolist() == [7, 20, 50]  # 50: inf·(1 − 1), as its formula


@pytest.mark.parametrize("op", ["gelu", "gelu_bwd"])
def test_bits_do_not_depend_on_threads(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list], op: str
) -> None:
    ins = [device.array(rng.standard_normal(150_001).astype("float32")) for _ in range(2)]
    found = on_threads(lambda: [call(op, *ins[: 1 + (op == "gelu_bwd")])])
    assert found[1:] == found[:1] * 3

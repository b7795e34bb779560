"""Elementwise kernels: what numpy does by itself and must not, besides the conformance kit.

Overflow and NaN must come without numpy's warnings, also where a caller made those errors.
"""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from rinzler.ops import Device, call

BINARY = ("add", "sub", "mul", "div", "maximum", "less")
ONE_ELEMENT = [(), (1,), (1, 1), (1, 1, 1, 1, 1)]
FLOATS = ["float32", "float64"]


@pytest.mark.parametrize("op", BINARY)
def test_two_one_element_operands_meet_whatever_their_shapes(device: Device, op: str) -> None:
    y = call(op, device.full((1, 1), 3.0, "float32"), device.full((1, 1, 1), 2.0, "float32"))
    assert y.shape == (1, 1)
    expected = {"add": 5.0, "sub": 1.0, "mul": 6.0, "div": 1.5, "maximum": 3.0, "less": 0.0}
    assert y.item() == expected[op]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_that_are_none_come_without_a_warning(device: Device, dtype: str) -> None:
    def one(op: str, *values: float) -> float:
        return call(op, *(device.full((3,), value, dtype) for value in values)).numpy()[0]

    assert one("exp", 1e4) == inf
    assert one("log", 0.0) == -inf
    assert np.isnan(one("log", -1.0))
    assert np.isnan(one("sqrt", -1.0))
    assert one("div", 1.0, 0.0) == inf
    assert np.isnan(one("div", 0.0, 0.0))
    assert np.isnan(one("sub", inf, inf))
    assert np.isnan(one("mul", 0.0, inf))
    most = float(np.finfo(dtype).max)
    assert one("add", most, most) == inf
    matrix = device.full((2, 2), most, dtype)
    assert np.isinf(call("matmul", matrix, matrix).numpy()).all()
    assert call("sumsq", matrix).item() == inf
    assert np.isnan(call("softmax", device.full((1, 3), -inf, dtype)).numpy()).all()


@pytest.mark.filterwarnings("error")
def test_fill_takes_what_float32_cannot_hold(device: Device) -> None:
    assert device.full((2,), 1e300, "float32").numpy().tolist() == [inf, inf]

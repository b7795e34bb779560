"""`move` against a loop over indices, on random shapes, strides and offsets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinzler.ops import Device, call
from rinzler_numpy.backend import NumpyBackend

DEVICE = Device(NumpyBackend())


@st.composite
def moves(draw: st.DrawFn) -> dict[str, Any]:
    """Attributes of a legal move: x's strides are anything, each address of out is met once."""
    shape = draw(st.lists(st.integers(1, 4), min_size=0, max_size=5))
    x_strides = [draw(st.integers(0, 7)) for _ in shape]
    out_strides = [0] * len(shape)
    step = draw(st.integers(1, 3))
    for axis in draw(st.permutations(range(len(shape)))):  # which axis lies innermost is open
        out_strides[axis] = step
        step = step * shape[axis] + draw(st.integers(0, 2))
    return {
        "shape": tuple(shape),
        "x_strides": tuple(x_strides),
        "out_strides": tuple(out_strides),
        "x_offset": draw(st.integers(0, 5)),
        "out_offset": draw(st.integers(0, 5)),
    }


def reach(shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> int:
    """How many elements an operand needs to have."""
    return offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@given(attrs=moves(), spare=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_move_is_the_loop_over_indices(dtype: str, attrs: dict[str, Any], spare: int) -> None:
    shape = attrs["shape"]
    x = np.arange(1, 1 + spare + reach(shape, attrs["x_strides"], attrs["x_offset"]), dtype=dtype)
    size = spare + reach(shape, attrs["out_strides"], attrs["out_offset"])
    expected = -np.arange(1, 1 + size, dtype=dtype)
    out = DEVICE.array(expected)
    call("move", DEVICE.array(x), out=out, **attrs)
    for index in np.ndindex(shape):
        to = attrs["out_offset"] + int(np.dot(index, attrs["out_strides"]))
        source = attrs["x_offset"] + int(np.dot(index, attrs["x_strides"]))
        expected[to] = x[source]
    np.testing.assert_array_equal(out.numpy(), expected)


@pytest.mark.parametrize("operand", ["x", "out"])
def test_move_refuses_to_leave_an_operand(device: Device, operand: str) -> None:
    """Core asks for no such thing; if it did, the neighbour's memory must stay what it is."""
    attrs = {"shape": (4,), "x_strides": (1,), "out_strides": (1,), "x_offset": 0, "out_offset": 0}
    attrs[f"{operand}_offset"] = 1
    x, out = device.full((4,), 1.0, "float32"), device.full((4,), 2.0, "float32")
    with pytest.raises((ValueError, TypeError), match=r"strides|buffer is too small"):
        call("move", x, out=out, **attrs)
    assert out.numpy().tolist() == [2.0] * 4

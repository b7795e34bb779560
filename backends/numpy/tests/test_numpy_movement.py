"""`move` on memory that it must not touch; what it computes, the conformance kit checks."""

from __future__ import annotations

import pytest

from rinzler.ops import Device, call


@pytest.mark.parametrize("operand", ["x", "out"])
def test_move_refuses_to_leave_an_operand(device: Device, operand: str) -> None:
    """Core asks for no such thing; if it did, the neighbour's memory must stay what it is."""
    attrs = {"shape": (4,), "x_strides": (1,), "out_strides": (1,), "x_offset": 0, "out_offset": 0}
    attrs[f"{operand}_offset"] = 1
    x, out = device.full((4,), 1.0, "float32"), device.full((4,), 2.0, "float32")
    with pytest.raises((ValueError, TypeError), match=r"strides|buffer is too small"):
        call("move", x, out=out, **attrs)
    assert out.numpy().tolist() == [2.0] * 4

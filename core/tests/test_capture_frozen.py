"""What Python decides anew from call to call, a replay would freeze: refused, with the line.

Each test is named after the mistake; what it asks for is the text that a person will read.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest

from rinzler import functional as F
from rinzler.capture import Captured
from rinzler.errors import CaptureError
from rinzler.ops import Array, Device, call, no_fused
from rinzler.tensor import Tensor

pytestmark = pytest.mark.usefixtures("fused")

HERE = r"test_capture_frozen\.py:\d+"
INSTEAD = r"run without capture \(--no-capture, or eager=True\)$"


@pytest.fixture
def x(device: Device) -> Array:
    return device.array(np.ones(5))


def test_frozen_constant_in_an_attribute(device: Device, x: Array, refused: Any) -> None:
    rates = count(1)

    def compute() -> list[Array]:
        call("exp", x)
        return [call("mul", x, device.full((5,), next(rates) / 10, "float64"))]

    why = rf"^call 2, fill\(value=0\.1\) became fill\(value=0\.2\) at {HERE}: a replay would freeze"
    refused(device, compute, why + rf".* or {INSTEAD}", call=2)


def test_frozen_constant_as_an_operand(device: Device, x: Array, refused: Any) -> None:
    rates = count(1)
    values = Tensor._of(x)

    def compute() -> list[Array]:
        return [(values * (next(rates) / 10)).array]

    why = rf"^call 1, mul at {HERE}: b was the constant 0\.1 and became the constant 0\.2: a replay"
    refused(device, compute, why, call=2)


def test_minus_zero_is_another_constant_and_nan_is_the_same(device: Device, refused: Any) -> None:
    values = iter([np.nan, np.nan])
    step = Captured(lambda: [device.full((2,), next(values), "float64")], device)
    for _ in range(3):
        assert np.isnan(step()[0]).all()
    zeros = iter([0.0, -0.0])
    why = r"fill\(value=0\.0\) became fill\(value=-0\.0\)"
    refused(device, lambda: [device.full((2,), next(zeros), "float64")], why, call=2)


def test_frozen_branch_to_another_op(device: Device, x: Array, refused: Any) -> None:
    turns = count()

    def compute() -> list[Array]:
        return [call("exp", x) if next(turns) else call("tanh", x)]

    why = rf"^call 1 was tanh at {HERE} and became exp at {HERE}: the step takes another way .*"
    refused(device, compute, why + INSTEAD, call=2)


def test_frozen_branch_with_one_more_call(device: Device, x: Array, refused: Any) -> None:
    turns = count()

    def compute() -> list[Array]:
        y = call("exp", x)
        return [call("add", y, y, out=y) if next(turns) else y]

    why = rf"^one recording has 1 calls and the next 2; call 2 is add at {HERE} or none: the step"
    refused(device, compute, why, call=2)


def test_frozen_choice_of_an_operand(device: Device, x: Array, refused: Any) -> None:
    other = device.array(np.zeros(5))
    turns = count()

    def compute() -> list[Array]:
        return [call("add", x, other if next(turns) else x)]

    why = rf"^call 1, add at {HERE}: b was held array \d+, float64\(5,\) and became held array \d+"
    refused(device, compute, why, call=2)


def test_frozen_number_of_operands(device: Device, x: Array, refused: Any) -> None:
    turns = count()
    values = Tensor._of(x)

    def compute() -> list[Array]:
        pieces = [values[0:2]] * 2 if next(turns) else [values[0:2], values[0:1], values[0:1]]
        return [F.concat(pieces).array]

    # Without a kernel of its own a concat is moves: one of another length is the first to differ.
    why = rf"^call 2, (move|slice)\(.*shape=\(1,\).*\) became .*shape=\(2,\).* at {HERE}: a replay"
    refused(device, compute, why, call=2)


def test_frozen_choice_of_a_result(device: Device, x: Array, refused: Any) -> None:
    turns = count()

    def compute() -> list[Array]:
        pair = [call("exp", x), call("tanh", x)]
        return [pair[next(turns)]]

    why = "^result 1 was temporary 0, float64.* and became temporary 1"
    refused(device, compute, why, call=2)
    turns = count()
    refused(device, lambda: [x] * next(turns), "^0 results became 1: the step", call=2)


def test_an_operand_that_is_absent_now_and_then(device: Device, refused: Any) -> None:
    a, w, b = (device.array(np.ones(shape)) for shape in ((3, 5), (5, 2), (2,)))
    turns = count()

    def compute() -> list[Array]:
        bias = None if next(turns) else b
        return list(call("layer_norm", call("linear", a, w, bias), b, bias, eps=1e-5))[:1]

    refused(device, compute, rf"^call \d, .* at {HERE}|^call 1 was", call=2)


def test_a_held_array_that_is_another_one_each_time(device: Device, x: Array, refused: Any) -> None:
    """`self.v, self.other = self.other, self.v` instead of a copy."""
    buffers = [device.array(np.zeros(5)), device.array(np.ones(5))]

    def compute() -> list[Array]:
        buffers.reverse()
        call("add", buffers[0], x, out=buffers[1])
        return [buffers[1]]

    why = rf"^call 1, add at {HERE}: y was held array \d+, float64\(5,\) and became held array \d+"
    refused(device, compute, why, call=2)


def test_which_kernels_there_are_is_frozen(device: Device) -> None:
    """By design: a replay runs no Python, so `no_fused` around it changes nothing."""
    x = device.array(np.ones((3, 5)))
    step = Captured(lambda: [call("softmax", x)], device)
    for _ in range(2):
        step()
    with no_fused():
        step()
    assert step.summary is not None
    assert step.summary.calls == 1
    other = Captured(lambda: [call("softmax", x)], device)
    other()
    with (
        no_fused(),
        pytest.raises(CaptureError, match=r"call 1 was softmax at .* and became max_ro"),
    ):
        other()

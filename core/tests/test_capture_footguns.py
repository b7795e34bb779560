"""What a replay cannot do at all is refused while the step is recorded, with the line.

Each test is named after the mistake; what it asks for is the text that a person will read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rinzler.capture import Captured
from rinzler.errors import CaptureError
from rinzler.nn import Dropout
from rinzler.ops import Array, Device, call, no_fused
from rinzler.tensor import Tensor

HERE = r"test_capture_footguns\.py:\d+"
INSTEAD = r"run without capture \(--no-capture, or eager=True\)$"


@pytest.fixture
def x(device: Device) -> Array:
    return device.array(np.ones(5))


@pytest.mark.parametrize(
    "read",
    [Array.numpy, lambda x: x.part(0, ()).item(), lambda x: bool(Tensor._of(x.part(0, ())))],
)
def test_reading_back(
    device: Device, x: Array, read: Callable[[Array], object], refused: Any
) -> None:
    def compute() -> list[Array]:
        y = call("exp", x)
        read(y)
        return [y]

    why = rf"^{HERE} reads a value back while a step is recorded: .*Return the array as a result.*"
    refused(device, compute, why + INSTEAD, call=1)


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.upload(np.zeros(5)),
        lambda x: x.device.array(np.zeros(5)),
        lambda x: Tensor([1.0, 2.0], device=x.device),
        lambda x: Tensor._of(x) + np.zeros(5),
    ],
)
def test_uploading(
    device: Device, x: Array, write: Callable[[Array], object], refused: Any
) -> None:
    def compute() -> list[Array]:
        write(x)
        return [x]

    why = rf"^{HERE} uploads host data while a step is recorded: a replay would keep the data of .*"
    refused(device, compute, why + INSTEAD, call=1)


def test_dropout_with_a_key_of_its_own_uploads_it(device: Device, refused: Any) -> None:
    x = Tensor(np.ones((3, 5)), device=device)
    layer = Dropout(0.5)
    layer(x)
    refused(device, lambda: [layer(x).array], r"^dropout\.py:\d+ uploads host data", call=1)


def test_constants_and_masks_may_be_made_on_the_way(device: Device) -> None:
    qkv = device.array(np.random.default_rng(0).normal(size=(2, 4, 12)))

    def compute() -> list[Array]:
        with no_fused():  # its default uploads a mask, once
            return [call("attention", qkv, heads=2)[0]]

    step = Captured(compute, device)
    expected = step()[0]
    for _ in range(3):
        np.testing.assert_array_equal(step()[0], expected)


def test_another_shape_of_an_input(device: Device, x: Array) -> None:
    step = Captured(lambda: [call("exp", x)], device, {"rates": x})
    with pytest.raises(CaptureError, match=r"input 'rates' has shape \(4,\), the step is one for"):
        step.feed({"rates": np.zeros(4)})
    with pytest.raises(CaptureError, match=r"there is no input 'rate'; the inputs are: rates$"):
        step.feed({"rate": np.zeros(5)})
    with pytest.raises(CaptureError, match=r"the inputs are: none$"):
        Captured(lambda: [], device).feed({"rate": np.zeros(5)})


def test_an_array_that_outlives_the_step(device: Device, x: Array, refused: Any) -> None:
    kept: list[Array] = []

    def compute() -> list[Array]:
        kept.append(call("tanh", x))
        return [call("exp", kept[-1])]

    why = rf"^tanh at {HERE} makes an array that outlives the step and is no result of it: .*"
    refused(device, compute, why + INSTEAD, call=1)


def test_a_gradient_that_is_kept_outlives_the_step(device: Device, refused: Any) -> None:
    w = Tensor(np.ones((3, 5)), requires_grad=True, device=device)

    def compute() -> list[Array]:
        loss = (w * w).sum()
        loss.backward()
        return [loss.array]

    refused(device, compute, rf"^\w+ at {HERE} makes an array that outlives the step", call=1)


def test_an_array_in_a_cycle_does_not_outlive_the_step(device: Device, x: Array) -> None:
    def compute() -> list[Array]:
        cycle: list[object] = [call("tanh", x)]
        cycle.append(cycle)
        return [call("exp", x)]

    step = Captured(compute, device)
    for _ in range(3):
        step()
    assert step.summary is not None


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_a_step_inside_of_a_recording(device: Device, x: Array, calls: int, refused: Any) -> None:
    inner = Captured(lambda: [call("exp", x)], device)
    for _ in range(calls):
        inner()

    def compute() -> list[Array]:
        inner()
        return [x]

    why = "^a captured step is called while another is recorded: call the plain function there, or"
    refused(device, compute, why, call=1)
    np.testing.assert_array_equal(inner()[0], np.exp(np.ones(5)))

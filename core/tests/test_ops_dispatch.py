"""`call`, `Device` and `Array`: what is picked, what is allocated, what never reaches a kernel."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rinzler.conformance.altered import Altered
from rinzler.ops import OPS, Array, Device, call, no_fused
from rinzler.ops.device import CONSTANTS_KEPT
from rinzler.ops.memory import size_class
from rinzler.plugins import open_device

pytestmark = pytest.mark.usefixtures("fused")


def counting(device: Device) -> tuple[Device, list[str]]:
    """The same kernels, each of which notes that it ran."""
    ran: list[str] = []

    def noted(op: str, kernel: Any) -> Any:
        def run(*handles: Any, **attrs: Any) -> None:
            ran.append(op)
            kernel(*handles, **attrs)

        return run

    kernels = {op: noted(op, kernel) for op, kernel in device.backend.kernels.items()}
    return Device(Altered(device.backend, replaced=kernels)), ran


@pytest.fixture
def watched() -> tuple[Device, list[str]]:
    return counting(Device(open_device("numpy").backend))


# --- which kernel runs ------------------------------------------------------------------------


def test_a_kernel_runs_where_there_is_one(watched: tuple[Device, list[str]]) -> None:
    device, ran = watched
    x = device.array(np.ones((3, 5), np.float32))
    call("softmax", x)
    assert ran == ["softmax"]


def test_no_fused_runs_required_kernels_only(watched: tuple[Device, list[str]]) -> None:
    device, ran = watched
    x = device.array(np.ones((3, 5), np.float32))
    with no_fused():
        call("softmax", x)
        with no_fused(False):
            call("gelu", x)
    assert ran[-1] == "gelu"
    assert set(ran[:-1]) == {"max_rows", "move", "sub", "exp", "sum_rows", "div"}
    assert all(OPS[op].required for op in ran[:-1])


@pytest.mark.parametrize(("setting", "forced"), [("", "False"), ("0", "False"), ("1", "True")])
def test_the_environment_forces_the_defaults(setting: str, forced: str) -> None:
    program = "from rinzler.ops import dispatch; print(dispatch._no_fused.get())"
    environment = os.environ | {"RINZLER_NO_FUSED": setting}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == forced


def test_a_missing_kernel_is_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    device = Device(Altered(open_device("numpy").backend, without={"softmax"}))
    x = device.array(np.ones((3, 5), np.float32))
    with caplog.at_level(logging.INFO, "rinzler"):
        call("softmax", x)
        call("softmax", x)
    notes = [record.getMessage() for record in caplog.records]
    line = "softmax: default (backend numpy (altered) has no kernel for it)"
    assert notes.count(line) == 1


# --- where results go -------------------------------------------------------------------------


def test_results_go_into_out_where_it_is_given(device: Device) -> None:
    x = device.array(np.arange(6, dtype=np.float64))
    out = device.full((6,), 0.0, "float64")
    assert call("mul", x, x, out=out) is out
    assert out.numpy().tolist() == [0.0, 1.0, 4.0, 9.0, 16.0, 25.0]


def test_some_of_several_outputs_may_be_given(device: Device) -> None:
    x = device.array(np.ones((3, 5)))
    w = device.array(np.ones(5))
    mean = device.empty((3,), "float64")
    y, got_mean, rstd = call("layer_norm", x, w, None, out=(None, mean, None), eps=1e-5)
    assert got_mean is mean
    assert (y.shape, rstd.shape) == ((3, 5), (3,))
    assert mean.numpy().tolist() == [1.0, 1.0, 1.0]


def test_an_update_that_is_not_given_is_not_wanted(device: Device) -> None:
    x, w, g = (device.array(np.ones(shape)) for shape in ((3, 5), (5, 2), (3, 2)))
    db = device.full((2,), 10.0, "float64")
    dx, dw, same_db = call("linear_bwd", x, w, g, out=(None, None, db))
    assert dx.shape == (3, 5)
    assert dw is None
    assert same_db.numpy().tolist() == [13.0, 13.0]


# --- arrays without elements ------------------------------------------------------------------


def test_sums_of_nothing_are_zero_without_a_kernel(watched: tuple[Device, list[str]]) -> None:
    device, ran = watched
    for op, shape in (("sum_rows", (3, 0)), ("sum_cols", (0, 3)), ("sumsq", (0, 7))):
        y = call(op, device.empty(shape, "float32"))
        assert not y.numpy().any()
    x, w = device.empty((3, 0), "float32"), device.empty((0, 5), "float32")
    y = call("matmul", x, w, ta=False, tb=False, accumulate=False)
    assert y.numpy().tolist() == [[0.0] * 5] * 3
    assert set(ran) == {"fill"}


def test_adding_nothing_leaves_what_is_there(watched: tuple[Device, list[str]]) -> None:
    device, ran = watched
    x, w = device.empty((3, 0), "float32"), device.empty((0, 5), "float32")
    y = device.full((3, 5), 2.0, "float32")
    ids = device.array(np.zeros(0, np.int32))
    ran.clear()
    call("matmul", x, w, ta=False, tb=False, accumulate=True, out=y)
    call("add_rows", ids, device.empty((0, 5), "float32"), out=y)
    assert y.numpy().tolist() == [[2.0] * 5] * 3
    assert ran == []


def test_results_without_elements_run_nothing(watched: tuple[Device, list[str]]) -> None:
    device, ran = watched
    x = device.empty((0, 7), "float32")
    assert call("softmax", x).shape == (0, 7)
    assert call("permute", x, axes=(1, 0)).shape == (7, 0)
    assert call("add", x, x).numpy().shape == (0, 7)
    assert ran == []


# --- arrays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 1, 3, 1, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_host_arrays_come_back_as_they_went(
    device: Device, shape: tuple[int, ...], dtype: str
) -> None:
    host = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    array = device.array(host)
    assert (array.shape, array.dtype) == (shape, dtype)
    back = array.numpy()
    assert back.dtype == dtype
    assert np.array_equal(back, host)
    back.reshape(-1)[:] = 99  # a copy: the device keeps its own
    assert np.array_equal(array.numpy(), host)


def test_strided_host_arrays_are_copied_in_their_order(device: Device) -> None:
    host = np.arange(12.0).reshape(3, 4).T[::2]
    assert np.array_equal(device.array(host).numpy(), host)


def test_long_integers_become_int32(device: Device) -> None:
    array = device.array(np.array([2**31 - 1, -(2**31)], np.int64))
    assert array.dtype == "int32"
    assert array.numpy().tolist() == [2**31 - 1, -(2**31)]


def test_constants_are_made_once_and_told_apart(device: Device) -> None:
    half = device.constant(0.5, "float32")
    assert device.constant(0.5, "float32") is half
    assert device.constant(0.5, "float64") is not half
    minus_zero = device.constant(-0.0, "float32")
    assert minus_zero is not device.constant(0.0, "float32")
    assert np.signbit(minus_zero.item())
    assert device.constant(float("nan"), "float32") is device.constant(float("nan"), "float32")


def test_constants_do_not_pile_up(device: Device) -> None:
    for k in range(3 * CONSTANTS_KEPT):
        device.constant(float(k), "float32")
    assert device.memory.stats.live <= (CONSTANTS_KEPT + 1) * size_class(4)


def test_a_device_is_equal_to_itself_alone(device: Device) -> None:
    assert len({device, Device(device.backend)}) == 2
    assert repr(device) == "Device(numpy)"


def test_arrays_say_what_they_are(device: Device) -> None:
    array = device.empty((2, 3), "float32")
    assert repr(array) == "Array(shape=(2, 3), dtype=float32, device=numpy)"
    assert device.full((1, 1), 2.5, "float32").item() == 2.5


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_arrays_over_one_buffer_share_it_to_the_last(device: Device) -> None:
    whole = device.full((4, 6), 2.0, "float32")
    flat = whole.reshape((24,))
    part = flat.part(6, (2, 3))
    del whole, flat
    assert device.memory.stats.live == size_class(96)
    assert part.numpy().tolist() == [[2.0] * 3] * 2
    del part
    assert device.memory.stats.live == 0


@pytest.mark.usefixtures("_no_collector")
def test_a_chain_of_calls_leaves_nothing_behind(device: Device) -> None:

    def chain() -> Array:
        x = device.array(np.ones((33, 7), np.float32))
        for _ in range(5):
            x = call("softmax", call("gelu", x))
        return x

    chain()
    live = device.memory.stats.live  # the constants that the defaults made
    for _ in range(3):
        chain()
    assert device.memory.stats.live == live

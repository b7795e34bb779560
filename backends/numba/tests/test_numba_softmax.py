"""softmax, log_softmax and their gradients: rows of any width, extremes, any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
import pytest

from rinzler.conformance.case import case, floats, normal
from rinzler.conformance.run import run_case
from rinzler.conformance.table.normalization import probabilities
from rinzler.ops import Device, call

# One lane more or less than a vector, than four of them, rows of blocks, and a real vocabulary.
SHAPES = [(2, 15), (3, 16), (3, 17), (5, 63), (5, 64), (5, 65), (9, 200), (4099, 5), (2, 50257)]
OPS = ["softmax", "log_softmax", "softmax_bwd", "log_softmax_bwd"]


def operands(op: str, shape: tuple[int, int]) -> list[Any]:
    if not op.endswith("_bwd"):
        return [floats(shape, normal(3.0))]
    return [floats(shape, probabilities(op == "log_softmax_bwd", 2.0)), floats(shape)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS)
def test_rows_of_any_width(device: Device, op: str, shape: tuple[int, int]) -> None:
    """Within the bounds of the shared cases, fences untouched, fresh and over each operand."""
    assert op in device.backend.kernels  # and not core's default
    result = run_case(device, case(op, f"wide-{shape}", *operands(op, shape)), "float32")
    assert result.ok, str(result)


@pytest.mark.parametrize("at", [0, 40, 69])
@pytest.mark.parametrize("payload", [0x7FC00000, 0xFFC00000], ids=["nan", "negative nan"])
@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_nan_takes_its_row_and_no_other(
    device: Device, rng: np.random.Generator, op: str, payload: int, at: int
) -> None:
    """Wherever it stands, and of either sign: one of them is below all numbers as an integer."""
    x = rng.standard_normal((5, 70)).astype("float32")
    x.view("uint32")[2, at] = payload
    y = call(op, device.array(x)).numpy()
    assert np.isnan(y).all(axis=1).tolist() == [False, False, True, False, False]
    assert np.isnan(y).sum() == 70


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_rows_of_infinities_are_nan(device: Device, op: str) -> None:
    x = np.zeros((3, 33), "float32")
    x[0], x[1, 5] = -inf, inf
    y = call(op, device.array(x)).numpy()
    assert np.isnan(y[:2]).all()
    assert np.isfinite(y[2]).all()


def test_what_is_impossible_has_no_share_at_all(device: Device) -> None:
    """0 and not the smallest number: for −inf, and for what lies 88 or more below the maximum."""
    x = np.full((1, 40), 50.0, "float32")
    x[0, 3::3] = [-inf, -38.01, -1e4, -3e38] * 3 + [-inf]
    y = call("softmax", device.array(x)).numpy()
    assert (y[0, 3::3] == 0.0).all()
    np.testing.assert_allclose(np.delete(y, np.s_[3::3]), 1 / 27, rtol=1e-6)
    powers = call("log_softmax_bwd", device.array(x - 50.0), device.full(x.shape, 1.0, "float32"))
    assert (powers.numpy()[0, 3::3] == 1.0).all()


def test_a_far_offset_costs_nothing(device: Device, rng: np.random.Generator) -> None:
    """(x − m) − ln Σ in this order: x − (m + ln Σ) would round away what the row says."""
    x = rng.integers(-300, 300, (64, 130)).astype("float32") / 64
    near = call("log_softmax", device.array(x)).numpy()
    far = call("log_softmax", device.array(x - np.float32(2.0**17))).numpy()
    assert near.tobytes() == far.tobytes()


@pytest.mark.parametrize("op", OPS)
def test_bits_do_not_depend_on_threads(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list], op: str
) -> None:
    x = device.array(rng.standard_normal((701, 333)).astype("float32"))
    y = call(op.removesuffix("_bwd"), x)
    ins = (y, x) if op.endswith("_bwd") else (x,)
    found = on_threads(lambda: [call(op, *ins)])
    assert found[1:] == found[:1] * 3

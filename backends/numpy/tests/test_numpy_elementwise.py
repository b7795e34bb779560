"""Elementwise kernels: one-element operands of any shape, memory reused, IEEE's special numbers.

Overflow and NaN must come without numpy's warnings, also where a caller made those errors.
"""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from rinzler.ops import Device, call

BINARY = ("add", "sub", "mul", "div", "maximum", "less")
ONE_ELEMENT = [(), (1,), (1, 1), (1, 1, 1, 1, 1)]
FLOATS = ["float32", "float64"]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("one", ONE_ELEMENT, ids=str)
@pytest.mark.parametrize("op", BINARY)
def test_b_may_have_one_element_of_any_shape(
    device: Device, rng: np.random.Generator, op: str, one: tuple[int, ...], dtype: str
) -> None:
    a = device.array(rng.standard_normal((3, 5)), dtype)
    number = rng.standard_normal()
    full = call(op, a, device.full((3, 5), number, dtype)).numpy()
    spread = call(op, a, device.full(one, number, dtype)).numpy()
    np.testing.assert_array_equal(spread, full)


@pytest.mark.parametrize("op", BINARY)
def test_two_one_element_operands_meet_whatever_their_shapes(device: Device, op: str) -> None:
    y = call(op, device.full((1, 1), 3.0, "float32"), device.full((1, 1, 1), 2.0, "float32"))
    assert y.shape == (1, 1)
    expected = {"add": 5.0, "sub": 1.0, "mul": 6.0, "div": 1.5, "maximum": 3.0, "less": 0.0}
    assert y.item() == expected[op]


@pytest.mark.parametrize("one_b", [None, *ONE_ELEMENT], ids=str)
@pytest.mark.parametrize("one_a", [None, *ONE_ELEMENT], ids=str)
def test_where_takes_one_element_on_either_side(
    device: Device,
    rng: np.random.Generator,
    one_a: tuple[int, ...] | None,
    one_b: tuple[int, ...] | None,
) -> None:
    shape = (4, 3)
    mask = rng.integers(0, 2, shape).astype("float32")
    a = rng.standard_normal(shape if one_a is None else one_a).astype("float32")
    b = rng.standard_normal(shape if one_b is None else one_b).astype("float32")
    y = call("where", device.array(mask), device.array(a), device.array(b)).numpy()
    for place in np.ndindex(shape):
        from_a = a[place] if one_a is None else a.item()
        from_b = b[place] if one_b is None else b.item()
        assert y[place] == (from_a if mask[place] else from_b)


@pytest.mark.parametrize("one_element", [False, True])
@pytest.mark.parametrize("over", ["mask", "a", "b"])
def test_where_may_write_over_any_of_its_operands(
    device: Device, rng: np.random.Generator, over: str, one_element: bool
) -> None:
    hosts = {
        "mask": rng.integers(0, 2, (50, 3)).astype("float64"),
        "a": rng.standard_normal((50, 3)),
        "b": rng.standard_normal((50, 3)),
    }
    if one_element:  # the others, as far as they may
        hosts = {k: x if k in ("mask", over) else x[:1, 0] for k, x in hosts.items()}
    arrays = {name: device.array(host) for name, host in hosts.items()}
    call("where", *arrays.values(), out=arrays[over])
    np.testing.assert_array_equal(
        arrays[over].numpy(), np.where(hosts["mask"] != 0, hosts["a"], hosts["b"])
    )


def test_where_keeps_out_what_it_does_not_choose(device: Device) -> None:
    mask = device.array(np.array([1.0, 0.0]))
    bad = device.array(np.array([nan, inf]))
    zero = device.full((), 0.0, "float64")
    assert call("where", mask, zero, bad).numpy().tolist() == [0.0, inf]
    assert call("where", mask, bad, zero).numpy()[1] == 0.0


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_wins_every_maximum_and_no_comparison(device: Device, dtype: str) -> None:
    a = device.array(np.array([nan, 1.0, nan, 2.0]), dtype)
    b = device.array(np.array([1.0, nan, nan, 1.0]), dtype)
    np.testing.assert_array_equal(call("maximum", a, b).numpy(), [nan, nan, nan, 2.0])
    np.testing.assert_array_equal(call("less", a, b).numpy(), [0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("place", [0, 1, 40, 299])
def test_nan_wins_the_maximum_of_its_row(device: Device, place: int) -> None:
    x = np.zeros((2, 300), "float32")
    x[1, place] = nan
    np.testing.assert_array_equal(call("max_rows", device.array(x)).numpy(), [0.0, nan])


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

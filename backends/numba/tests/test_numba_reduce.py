"""Reductions: sizes around pieces and groups, drift, NaN in every place, threads."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import numpy as np
import pytest

from rinzler.conformance.case import case, floats
from rinzler.conformance.run import run_case
from rinzler.ops import Device, call
from rinzler_numba.reduce import KERNELS, PIECE, group_of

ROW_SHAPES = [
    (1, PIECE - 1),
    (1, PIECE),
    (1, PIECE + 1),
    (3, 2 * PIECE + 1),
    (2, 100_003),
    (1, 1_000_003),
    (5000, 17),
    (20_011, 1),
]
COLUMN_SHAPES = [
    *((63, 65), (64, 65), (65, 65), (66, 65), (67, 65), (127, 511), (130, 513), (70, 1025)),
    *((1, 5003), (2, 5003), (3, 5003), (10_007, 1), (10_007, 2), (10_007, 33), (300_007, 3)),
]


@pytest.mark.parametrize("shape", ROW_SHAPES)
@pytest.mark.parametrize("op", ["sum_rows", "max_rows", "sumsq"])
def test_rows_of_any_length(device: Device, op: str, shape: tuple[int, int]) -> None:
    """Within the bounds of the shared cases, fences untouched."""
    assert device.backend.kernels[op] is KERNELS[op]
    result = run_case(device, case(op, f"long-{shape}", floats(shape)), "float32")
    assert result.ok, str(result)


@pytest.mark.parametrize("shape", COLUMN_SHAPES)
def test_columns_of_any_length(device: Device, shape: tuple[int, int]) -> None:
    assert device.backend.kernels["sum_cols"] is KERNELS["sum_cols"]
    result = run_case(device, case("sum_cols", f"long-{shape}", floats(shape)), "float32")
    assert result.ok, str(result)


@pytest.mark.parametrize("columns", [1, 3, 64, 384, 10_007, 1_000_003])
def test_a_group_is_neither_a_long_chain_nor_a_crumb(columns: int) -> None:
    assert 64 <= group_of(columns) <= 256


def test_long_sums_do_not_drift(device: Device) -> None:
    """All terms alike: a running float32 sum of these is wrong in the second digit."""
    n = 3_000_000
    x = device.full((n,), 0.1, "float32")
    exact = n * float(np.float32(0.1))
    total = call("sum_rows", x.reshape((1, n))).numpy()
    down = call("sum_cols", x.reshape((n // 3, 3))).numpy()
    squares = call("sumsq", x).numpy()
    np.testing.assert_allclose(total, exact, rtol=2e-6)
    np.testing.assert_allclose(down, exact / 3, rtol=1e-5)
    np.testing.assert_allclose(squares, exact * float(np.float32(0.1)), rtol=2e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("columns", [5, 70, PIECE + 3])
def test_one_nan_is_the_maximum_wherever_it_is(
    device: Device, rng: np.random.Generator, columns: int, sign: float
) -> None:
    """Of either sign: x86 makes NaNs with the sign bit set. Rows without one are left alone."""
    spots = np.unique(np.linspace(0, columns - 1, 40).astype(int))
    x = rng.standard_normal((2 * len(spots), columns)).astype("float32")
    expected = x.max(axis=1)
    for k, spot in enumerate(spots):
        x[2 * k, spot] = np.copysign(nan, sign)
        expected[2 * k] = nan
    np.testing.assert_array_equal(call("max_rows", device.array(x)).numpy(), expected)


def test_maxima_at_the_ends_of_the_range(device: Device) -> None:
    tiny, largest = np.float32(1e-45), np.finfo("float32").max
    rows = [
        ([-inf] * 40, -inf),
        ([-inf] * 39 + [-largest], -largest),
        ([-1.0] * 39 + [-tiny], -tiny),
        ([-tiny] * 39 + [-0.0], 0.0),
        ([largest] * 39 + [inf], inf),
        ([0.0] * 20 + [tiny] + [-1.0] * 19, tiny),
    ]
    x = np.array([row for row, _ in rows], "float32")
    tops = call("max_rows", device.array(x)).numpy()
    np.testing.assert_array_equal(tops, np.array([top for _, top in rows], "float32"))


@pytest.mark.parametrize("op", ["sum_rows", "sum_cols", "sumsq"])
def test_sums_carry_nan_and_infinity(device: Device, op: str) -> None:
    x = np.ones((300, 70), "float32")
    x[123, 45] = inf
    assert np.isinf(call(op, device.array(x)).numpy()).sum() == 1
    x[200, 45] = nan
    assert np.isnan(call(op, device.array(x)).numpy()).sum() == 1


@pytest.mark.parametrize("op", ["sum_rows", "max_rows", "sum_cols", "sumsq"])
@pytest.mark.parametrize("shape", [(1, 500_003), (700, 333), (70_001, 3), (7, 30_011)])
def test_bits_do_not_depend_on_threads(
    device: Device,
    rng: np.random.Generator,
    on_threads: Callable[..., list[list[bytes]]],
    op: str,
    shape: tuple[int, int],
) -> None:
    x = device.array(rng.standard_normal(shape).astype("float32"))
    first, *others = on_threads(lambda: [call(op, x)])
    assert all(other == first for other in others)

"""`move` against numpy and a loop over indices: tiles, edges, any strides, bounds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinzler.conformance.case import case, floats
from rinzler.conformance.run import run_case
from rinzler.errors import ShapeError
from rinzler.ops import Device, call
from rinzler_numba.movement import merged


@st.composite
def moves(draw: st.DrawFn) -> dict[str, Any]:
    """Attributes of a legal move: x's strides are anything, each address of out is met once."""
    sizes = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17])
    shape = draw(st.lists(sizes, min_size=0, max_size=5).filter(lambda s: np.prod(s) < 3000))
    x_strides = [draw(st.sampled_from([0, 1, 1, 2, 8, 17, -1, -3])) for _ in shape]
    out_strides = [0] * len(shape)
    step = draw(st.integers(1, 2))
    for axis in draw(st.permutations(range(len(shape)))):  # which axis lies innermost is open
        out_strides[axis] = step * draw(st.sampled_from([1, 1, -1]))
        step = step * shape[axis] + draw(st.integers(0, 2))
    return {
        "shape": tuple(shape),
        "x_strides": tuple(x_strides),
        "out_strides": tuple(out_strides),
        "x_offset": draw(st.integers(0, 5)) - low(shape, x_strides),
        "out_offset": draw(st.integers(0, 5)) - low(shape, out_strides),
    }


def low(shape: Any, strides: Any) -> int:
    return sum(min((n - 1) * step, 0) for n, step in zip(shape, strides, strict=True))


def reach(shape: Any, strides: Any, offset: int) -> int:
    """How many elements an operand needs to have."""
    far = sum(max((n - 1) * step, 0) for n, step in zip(shape, strides, strict=True))
    return offset + far + 1


def places(shape: Any, strides: Any, offset: int) -> np.ndarray:
    """The address of each element, in order: (N,)."""
    grid = np.indices(shape).reshape(len(shape), -1) if shape else np.zeros((0, 1), int)
    return offset + np.array(strides, int) @ grid


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@given(attrs=moves(), spare=st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_move_is_the_loop_over_indices(
    device: Device, dtype: str, attrs: dict[str, Any], spare: int
) -> None:
    shape = attrs["shape"]
    x = np.arange(1, 1 + spare + reach(shape, attrs["x_strides"], attrs["x_offset"]), dtype=dtype)
    size = spare + reach(shape, attrs["out_strides"], attrs["out_offset"])
    expected = -np.arange(1, 1 + size, dtype=dtype)
    out = device.array(expected)
    call("move", device.array(x), out=out, **attrs)
    source = places(shape, attrs["x_strides"], attrs["x_offset"])
    expected[places(shape, attrs["out_strides"], attrs["out_offset"])] = x[source]
    np.testing.assert_array_equal(out.numpy(), expected)


EDGES = [1, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 64]


@pytest.mark.parametrize("rows", EDGES)
@pytest.mark.parametrize("columns", EDGES)
def test_transposition_around_the_edges_of_tiles(device: Device, rows: int, columns: int) -> None:
    """With fences: a square that reaches over an edge would be seen."""
    row = case("permute", f"{rows}x{columns}", floats((rows, columns)), axes=(1, 0))
    result = run_case(device, row, "float32")
    assert result.ok, str(result)


@pytest.mark.parametrize("axes", list(permutations(range(4))))
def test_every_order_of_four_axes(
    device: Device, rng: np.random.Generator, axes: tuple[int, ...]
) -> None:
    for shape in [(3, 16, 9, 24), (5, 1, 40, 33)]:
        x = rng.standard_normal(shape).astype("float32")
        moved = call("permute", device.array(x), axes=axes).numpy()
        np.testing.assert_array_equal(moved, x.transpose(axes))


@pytest.mark.parametrize(
    ("small", "shape"),
    [
        ((), (70, 5001)),
        ((5001,), (70, 5001)),
        ((70, 1), (70, 5001)),
        ((1, 40, 1, 30), (50, 40, 20, 30)),
        ((1, 9000), (3, 9000)),
    ],
)
def test_broadcasts_of_many_tiles(
    device: Device, rng: np.random.Generator, small: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    x = rng.standard_normal(small).astype("float32")
    wide = call("expand", device.array(x), shape=shape).numpy()
    np.testing.assert_array_equal(wide, np.broadcast_to(x, shape))


@pytest.mark.parametrize("shape", [(1_000_003,), (3, 100_003), (100_003, 3)])
def test_long_windows(device: Device, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    x = rng.standard_normal(shape).astype("float32")
    starts = tuple(min(1, n - 1) for n in shape)
    window = tuple(n - start for n, start in zip(shape, starts, strict=True))
    part = tuple(slice(start, None) for start in starts)
    taken = call("slice", device.array(x), starts=starts, shape=window)
    np.testing.assert_array_equal(taken.numpy(), x[part])
    expected = np.zeros_like(x)
    expected[part] = x[part]
    put = call("place", taken, starts=starts, shape=shape)
    np.testing.assert_array_equal(put.numpy(), expected)


def test_axes_that_are_one_run_are_merged() -> None:
    assert merged([(2, 12, 12), (3, 4, 4), (4, 1, 1)]) == [(24, 1, 1)]
    assert merged([(2, 12, 0), (3, 4, 0), (4, 1, 0)]) == [(24, 1, 0)]
    assert merged([(2, 12, 13), (3, 4, 4), (4, 1, 1)]) == [(2, 12, 13), (12, 1, 1)]
    assert merged([]) == []


def test_nothing_to_move(device: Device) -> None:
    x, out = device.full((4,), 1.0, "float32"), device.full((4,), 2.0, "float32")
    nothing = {"shape": (0, 4), "x_strides": (4, 1), "out_strides": (4, 1)}
    call("move", x, out=out, x_offset=0, out_offset=0, **nothing)
    assert out.numpy().tolist() == [2.0] * 4


@pytest.mark.parametrize("operand", ["x", "out"])
@pytest.mark.parametrize(("offset", "stride"), [(1, 1), (0, 2), (2, -1), (-1, 1)])
def test_move_refuses_to_leave_an_operand(
    device: Device, operand: str, offset: int, stride: int
) -> None:
    """Core does not compare strides with sizes; a neighbour's memory must stay what it is."""
    attrs = {"shape": (4,), "x_strides": (1,), "out_strides": (1,), "x_offset": 0, "out_offset": 0}
    attrs |= {f"{operand}_offset": offset, f"{operand}_strides": (stride,)}
    x, out = device.full((4,), 1.0, "float32"), device.full((4,), 2.0, "float32")
    far = rf"strides of {operand} lead from element .* but it has 4; give offset and strides"
    with pytest.raises(ShapeError, match=far):
        call("move", x, out=out, **attrs)
    assert out.numpy().tolist() == [2.0] * 4


def test_bits_do_not_depend_on_threads(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list[list[bytes]]]
) -> None:
    x = device.array(rng.standard_normal((130, 17, 65)).astype("float32"))
    first, *others = on_threads(
        lambda: [call("permute", x, axes=axes) for axes in permutations(range(3))]
    )
    assert all(other == first for other in others)

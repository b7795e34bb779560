"""`take_rows` and `add_rows`: the order of sums, repeated ids, widths around blocks."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
import pytest

from rinzler.conformance.case import case, floats, ids, integers
from rinzler.conformance.run import run_case
from rinzler.ops import Device, call
from rinzler_numba.gather import KERNELS

WIDTHS = [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200, 513, 1030]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("op", ["take_rows", "add_rows"])
def test_widths_around_vectors_and_blocks(device: Device, op: str, width: int) -> None:
    """Within the bounds of the shared cases, fences untouched."""
    assert device.backend.kernels[op] is KERNELS[op]
    table, which = floats((37, width)), integers((5, 101), ids(37))
    if op == "take_rows":
        row = case(op, f"wide-{width}", table, which)
    else:
        row = case(op, f"wide-{width}", which, floats((5, 101, width)), reads={0: table})
    result = run_case(device, row, "float32")
    assert result.ok, str(result)


@pytest.mark.parametrize(
    ("count", "vocabulary", "width"),
    [(1, 1, 1), (40, 3, 5), (500, 1, 7), (1000, 65, 33), (4096, 65, 384), (100, 50_257, 130)],
)
def test_sums_have_the_order_of_the_ids(
    device: Device, rng: np.random.Generator, count: int, vocabulary: int, width: int
) -> None:
    """Bit for bit the sums that one addition after the other gives, as `np.add.at` does."""
    which = rng.integers(0, vocabulary, count).astype("int32")
    rows = rng.standard_normal((count, width)).astype("float32")
    expected = rng.standard_normal((vocabulary, width)).astype("float32")
    out = device.array(expected)
    call("add_rows", device.array(which), device.array(rows), out=out)
    np.add.at(expected, which, rows)
    np.testing.assert_array_equal(out.numpy(), expected)


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 3), (2, 1, 3), (3000,)])
def test_ids_may_have_any_shape(
    device: Device, rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    table = rng.standard_normal((9, 20)).astype("float32")
    which = rng.integers(0, 9, shape).astype("int32")
    taken = call("take_rows", device.array(table), device.array(which))
    assert taken.shape == (*shape, 20)
    np.testing.assert_array_equal(taken.numpy(), table[which])
    out = device.full((9, 20), 0.0, "float32")
    call("add_rows", device.array(which), taken, out=out)
    seen = np.bincount(which.reshape(-1), minlength=9)[:, None]
    np.testing.assert_allclose(out.numpy(), seen * table, rtol=3e-5)


def test_an_infinite_row_reaches_its_own_id_only(device: Device) -> None:
    """A product with a one-hot matrix would give 0·inf = NaN everywhere else."""
    rows = np.array([[inf], [1.0], [2.0]], "float32")
    out = device.full((3, 1), 0.0, "float32")
    call("add_rows", device.array(np.array([2, 0, 0], "int32")), device.array(rows), out=out)
    assert out.numpy().tolist() == [[3.0], [0.0], [inf]]


def test_bits_do_not_depend_on_threads(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list[list[bytes]]]
) -> None:
    which = device.array(rng.integers(0, 11, 3001).astype("int32"))
    table = device.array(rng.standard_normal((11, 200)).astype("float32"))

    def both() -> list[object]:
        taken = call("take_rows", table, which)
        out = device.full((11, 200), 0.0, "float32")
        call("add_rows", which, taken, out=out)
        return [taken, out]

    first, *others = on_threads(both)
    assert all(other == first for other in others)

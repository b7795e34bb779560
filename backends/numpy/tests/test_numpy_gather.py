"""`take_rows` and `add_rows`: repeated ids, any shape of ids, blocks, bad ids."""

from __future__ import annotations

import numpy as np
import pytest

from rinzler.ops import Device, call
from rinzler_numpy.backend import NumpyBackend
from rinzler_numpy.scratch import BLOCK


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("count", "vocabulary", "width"),
    [(1, 1, 1), (40, 3, 5), (500, 1, 7), (1000, 65, 33), (100, 5000, 2), (2 * BLOCK // 4, 2, 2)],
)
def test_rows_of_equal_ids_add_up(
    device: Device,
    rng: np.random.Generator,
    count: int,
    vocabulary: int,
    width: int,
    dtype: str,
) -> None:
    ids = rng.integers(0, vocabulary, count).astype("int32")
    rows = rng.standard_normal((count, width)).astype(dtype)
    start = rng.standard_normal((vocabulary, width)).astype(dtype)
    out = device.array(start)
    call("add_rows", device.array(ids), device.array(rows), out=out)
    for row in range(vocabulary):
        mine = rows[ids == row].astype("float64")
        terms = 1 + len(mine)
        bound = terms * np.finfo(dtype).eps * (abs(start[row]) + abs(mine).sum(axis=0))
        assert (abs(out.numpy()[row] - (start[row] + mine.sum(axis=0))) <= bound).all()


@pytest.mark.parametrize("bad", [3, -4])
def test_a_kernel_reads_no_row_outside_of_its_table(bad: int) -> None:
    """Core checks ids before; if it did not, an error would be better than a neighbour's memory."""
    kernels = NumpyBackend().kernels
    table, ids, row = (
        np.ones((3, 2), "float32"),
        np.array([bad], "int32"),
        np.ones((1, 2), "float32"),
    )
    with pytest.raises(IndexError, match="out of bounds"):
        kernels["take_rows"](row, table, ids)
    with pytest.raises(IndexError, match="out of bounds"):
        kernels["add_rows"](table, ids, row)

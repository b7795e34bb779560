"""Planted bugs: required kernels of the numpy backend gone wrong as has happened to somebody.

`BUGS` holds each with words that the kit has to say of it. A kernel's name begins with its op's.
Read next: `bugs_in_fused.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rinzler.plugins import open_device

Kernel = Callable[..., None]
GOOD = open_device("numpy").backend.kernels


# --- products ---------------------------------------------------------------------------------


def matmul_forgets_tb_on_squares(out: Any, a: Any, b: Any, *, tb: bool, **flags: Any) -> None:
    GOOD["matmul"](out, a, b, tb=tb and b.shape[-1] != b.shape[-2], **flags)


def matmul_drops_the_tail_tile(out: Any, a: Any, b: Any, **flags: Any) -> None:
    whole = np.array(out)
    GOOD["matmul"](whole, a, b, **flags)
    rows = max(out.shape[-2] // 32 * 32, 1)
    out[..., :rows, :] = whole[..., :rows, :]


def matmul_always_accumulates(out: Any, a: Any, b: Any, *, accumulate: bool, **flags: Any) -> None:
    GOOD["matmul"](out, a, b, accumulate=True, **flags)


def matmul_sums_in_float16(out: Any, a: Any, b: Any, **flags: Any) -> None:
    half = np.array(out)
    GOOD["matmul"](half, a, b, **flags)
    out[...] = half.astype(np.float16)


# --- elementwise ------------------------------------------------------------------------------


def maximum_drops_nan(out: Any, a: Any, b: Any) -> None:
    np.fmax(a, b.reshape(()) if b.size == 1 else b, out=out)


def less_or_equal(out: Any, a: Any, b: Any) -> None:
    out[...] = a <= (b.reshape(()) if b.size == 1 else b)


def where_multiplies(out: Any, mask: Any, a: Any, b: Any) -> None:
    a, b = (x.reshape(()) if x.size == 1 else x for x in (a, b))
    out[...] = mask * a + (1 - mask) * b


def exp_in_float16(out: Any, a: Any) -> None:
    out[...] = np.exp(a.astype(np.float16))


def tanh_overflows(out: Any, a: Any) -> None:
    powers = np.exp(2 * a)
    out[...] = (powers - 1) / (powers + 1)


def sub_works_in_its_input(out: Any, a: Any, b: Any) -> None:
    a -= b.reshape(()) if b.size == 1 else b
    out[...] = a


def add_writes_one_too_many(out: Any, a: Any, b: Any) -> None:
    GOOD["add"](out, a, b)
    beyond = as_strided(out.reshape(-1), (out.size + 1,), (out.itemsize,))
    beyond[-1] = 0.0


def mul_writes_one_before(out: Any, a: Any, b: Any) -> None:
    GOOD["mul"](out, a, b)
    backwards = as_strided(out.reshape(-1)[::-1], (out.size + 1,), (-out.itemsize,))
    backwards[-1] = 0.0


# --- reductions, gathers, movement ------------------------------------------------------------


def max_rows_drops_nan(out: Any, x: Any) -> None:
    np.fmax.reduce(x, axis=1, out=out)


def sum_rows_drops_an_odd_tail(out: Any, x: Any) -> None:
    out[...] = x[:, : max(x.shape[1] // 2 * 2, 1)].sum(axis=1)


def sum_rows_reads_one_too_many(out: Any, x: Any) -> None:
    rows, columns = x.shape
    wide = as_strided(x, (rows, columns + 1), x.strides)
    out[...] = x.sum(axis=1) + wide[:, -1] * 0


def add_rows_keeps_one_repeat(out: Any, ids: Any, rows: Any) -> None:
    out[ids] += rows


def take_rows_clips_the_last_id(out: Any, table: Any, ids: Any) -> None:
    out[...] = table[np.minimum(ids, max(len(table) - 2, 0))]


def move_forgets_x_offset(out: Any, x: Any, *, x_offset: int, **places: Any) -> None:
    GOOD["move"](out, x, x_offset=0, **places)


def move_clears_first(out: Any, x: Any, **places: Any) -> None:
    out[...] = 0
    GOOD["move"](out, x, **places)


def move_goes_through_floats(out: Any, x: Any, **places: Any) -> None:
    """+ 0.0 makes +0 of −0."""
    GOOD["move"](out, x, **places)
    out += out.dtype.type(0)


def fill_leaves_the_last(out: Any, *, value: float) -> None:
    out.reshape(-1)[: max(out.size - 1, 1)] = value


BUGS: list[tuple[Kernel, str]] = [
    (matmul_forgets_tb_on_squares, "matmul/33x33x33-tb"),
    (matmul_drops_the_tail_tile, "is nan"),
    (matmul_always_accumulates, "is nan"),
    (matmul_sums_in_float16, "matmul/127x33x129"),
    (maximum_drops_nan, "expected nan"),
    (less_or_equal, "less/extremes"),
    (where_multiplies, "where/extremes"),
    (exp_in_float16, "exp/4099"),
    (tanh_overflows, "tanh/extremes"),
    (sub_works_in_its_input, "input a: the array itself was written"),
    (add_writes_one_too_many, "y: memory 1 elements past its end was written"),
    (mul_writes_one_before, "y: memory 1 elements before its start was written"),
    (max_rows_drops_nan, "max_rows/nan-anywhere-37x37"),
    (sum_rows_drops_an_odd_tail, "sum_rows/33x31"),
    (sum_rows_reads_one_too_many, "is nan"),
    (add_rows_keeps_one_repeat, "add_rows/7x5-one-id-129"),
    (take_rows_clips_the_last_id, "take_rows/33x7-last-only"),
    (move_forgets_x_offset, "move/shifted-33"),
    (move_clears_first, "move/spread-out-31"),
    (fill_leaves_the_last, "fill/7 "),
    (move_goes_through_floats, "permute/extremes"),
]

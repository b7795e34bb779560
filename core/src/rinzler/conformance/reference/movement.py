"""What the movement rows and the gathers compute. All of it is exact but the sums of `add_rows`.

`move` is written as its definition says, one index after the other: slow, and beyond doubt.
Operands may be int32; the answers are numpy arrays, judged bit for bit. Read next: `reduce.py`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from rinzler.conformance.bounded import Bounded, Reference, growth, plain


def move(
    outs: Any,
    x: Any,
    *,
    shape: Any,
    x_strides: Any,
    out_strides: Any,
    x_offset: int,
    out_offset: int,
) -> Any:
    """For every index within `shape`, one element; what is not addressed stays."""
    source = plain(x).reshape(-1)
    result = plain(outs[0]).copy()
    target = result.reshape(-1)
    for index in product(*(range(n) for n in shape)):
        to = out_offset + sum(i * stride for i, stride in zip(index, out_strides, strict=True))
        here = x_offset + sum(i * stride for i, stride in zip(index, x_strides, strict=True))
        target[to] = source[here]
    return (result,)


def permute(outs: Any, x: Any, *, axes: Any) -> Any:
    return (np.transpose(plain(x), axes),)


def expand(outs: Any, x: Any, *, shape: Any) -> Any:
    return (np.broadcast_to(plain(x), shape),)


def _window(starts: Any, shape: Any) -> tuple[slice, ...]:
    return tuple(slice(start, start + n) for start, n in zip(starts, shape, strict=True))


def slice_(outs: Any, x: Any, *, starts: Any, shape: Any) -> Any:
    return (np.asarray(plain(x)[_window(starts, shape)]),)  # of shape () it would be a number


def place(outs: Any, x: Any, *, starts: Any, shape: Any) -> Any:
    values = plain(x)
    result = np.zeros(shape, values.dtype)
    result[_window(starts, values.shape)] = values
    return (result,)


def concat(outs: Any, *xs: Any, axis: int) -> Any:
    return (np.concatenate([plain(x) for x in xs], axis=axis),)


def take_rows(outs: Any, table: Bounded, ids: np.ndarray) -> Any:
    return (table.value[ids],)


def add_rows(outs: Any, ids: np.ndarray, rows: Bounded) -> Any:
    """One row after the other. Error: that of a sum of as many terms as the id has places."""
    start = outs[0]
    total, magnitude = start.value.copy(), abs(start.value)
    terms = np.ones((len(total), 1))
    for index, row in zip(ids.reshape(-1), rows.value.reshape(-1, total.shape[1]), strict=True):
        total[index] += row
        magnitude[index] += abs(row)
        terms[index] += 1
    added = np.vectorize(growth)(terms) * start.precision.unit * magnitude
    return (Bounded(total, np.where(terms > 1, added, 0.0), start.precision),)


REFERENCES: dict[str, Reference] = {
    "move": move,
    "permute": permute,
    "expand": expand,
    "slice": slice_,
    "place": place,
    "concat": concat,
    "take_rows": take_rows,
    "add_rows": add_rows,
}

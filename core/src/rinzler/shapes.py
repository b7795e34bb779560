"""Arithmetic on shapes, without any tensor: broadcasting, axes, reshapes and slices.

What numpy's users expect of `x + y`, `x.sum(1)`, `x.reshape(-1, 3)` and `x[1:, ..., 0]`, as plain
functions on tuples, each with its error. Read next: `autograd.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from rinzler.errors import ShapeError
from rinzler.ops.movement import expect_axis

Axes = int | Sequence[int] | None


def broadcast_shape(op: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all operands repeat to. Raises ShapeError naming the op."""
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        shown = " and ".join(str(shape) for shape in shapes)
        raise ShapeError(f"{op}: shapes {shown} do not broadcast together") from error


def as_tuple(values: tuple[Any, ...]) -> tuple[int, ...]:
    """(2, 3) and ((2, 3),) mean the same."""
    if len(values) == 1 and isinstance(values[0], tuple | list):
        values = tuple(values[0])
    return tuple(int(value) for value in values)


def one_unknown(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    if shape.count(-1) != 1:
        return shape
    known = prod(n for n in shape if n != -1)
    if not known or size % known:
        raise ShapeError(f"reshape: {size} elements do not divide into {shape}")
    return tuple(size // known if n == -1 else n for n in shape)


def axes_of(op: str, axis: Axes, rank: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(rank))
    wanted = (axis,) if isinstance(axis, int) else tuple(axis)
    return tuple(sorted({expect_axis(op, k, rank) for k in wanted}))


def expand_ellipsis(keys: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    if not any(key is Ellipsis for key in keys):
        return keys
    at = next(index for index, key in enumerate(keys) if key is Ellipsis)
    return keys[:at] + (slice(None),) * (rank - len(keys) + 1) + keys[at + 1 :]


def window(key: Any, n: int, axis: int) -> tuple[int, int, bool]:
    """(start, length, whether the axis stays) of one index."""
    if isinstance(key, slice):
        start, stop, step = key.indices(n)
        if step != 1:
            raise ShapeError(f"slice: step {step} on axis {axis}, expected 1")
        return start, max(stop - start, 0), True
    if hasattr(key, "__index__"):
        index = int(key)
        if not -n <= index < n:
            raise ShapeError(f"slice: index {index} is outside axis {axis} of length {n}")
        return index % n, 1, False
    raise ShapeError(
        f"slice: {key!r} on axis {axis}, expected a whole number or a slice; "
        "to pick rows by id use embedding(table, ids)"
    )

"""`move`: one strided copy for all that moves data. The semantics: `rinzler.ops.movement`.

Which path a copy takes is decided in Python, once for each set of shape and strides (`route`). The
order of the axes is free, as every element goes to its own place; so they are sorted by the steps
of out, and neighbours that are one run in both arrays are merged. What is left is at most three
outer axes around a matrix, whose rows are copied whole (C's memcpy), filled with one element
(broadcast), or gathered from steps (a transposition among others), tile by tile: of 16 x 16
elements each cache line that is touched is used up.

Elements travel as int32, whatever they are. Read next: `reduce.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable

from rinzler.errors import ShapeError
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import I32, I64, copy, integers, share

Axis = tuple[int, int, int]  # length, step in out, step in x

SQUARE = 8  # rows and columns that are transposed in registers
TILE = 16  # rows of a tile: a cache line of 64 bytes
WIDE = 4096  # columns of a tile where rows are copied whole
MOST_AXES = 5


def merged(axes: list[Axis]) -> list[Axis]:
    """Neighbours as one axis, where the outer one steps over just the inner one, in both arrays."""
    runs: list[Axis] = []
    for n, to, of in axes:
        if runs:
            outer, outer_to, outer_of = runs[-1]
            if outer_to == n * to and outer_of == n * of:
                runs[-1] = (outer * n, to, of)
                continue
        runs.append((n, to, of))
    return runs


def span(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int]:
    """The least and the greatest distance from the offset."""
    ends = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    return sum(end for end in ends if end < 0), sum(end for end in ends if end > 0)


@dataclass(frozen=True)
class Route:
    """How a kind of copy is done, and how far it reaches."""

    blocks: int
    axes: tuple[int, ...]  # length, step in out and step in x of the five axes of the kernel
    out_span: tuple[int, int]
    x_span: tuple[int, int]


@lru_cache(maxsize=4096)
def route(
    shape: tuple[int, ...], out_strides: tuple[int, ...], x_strides: tuple[int, ...]
) -> Route:
    """Decide, for a shape that is not empty."""
    given = zip(shape, out_strides, x_strides, strict=True)
    axes = sorted((axis for axis in given if axis[0] > 1), key=lambda axis: -axis[1])
    axes = merged(axes) or [(1, 1, 1)]
    cost = 1.0
    if axes[-1][2] > 1 and len(axes) > 1:  # x is gathered: its shortest steps go along the rows
        cost = 2.0
        outer = axes[:-1]
        rows = min((axis for axis in outer if axis[2]), key=lambda axis: axis[2], default=outer[-1])
        outer.remove(rows)
        axes = [*outer, rows, axes[-1]]
    axes = [(1, 0, 0)] * (MOST_AXES - len(axes)) + axes
    numbers = tuple(number for axis in axes for number in axis)
    blocks = pieces(prod(shape), cost)
    return Route(blocks, numbers, span(shape, out_strides), span(shape, x_strides))


@intrinsic
def transpose_square(typing: Any, target: Any, to: Any, source: Any, of: Any) -> Any:
    """8 x 8 elements: target[r·to + c] = source[c·of + r], in registers.

    Three rounds. Each exchanges one bit of the row's number with that bit of the column's, between
    two rows at a time: swapping all three bits transposes.
    """
    lanes = ir.VectorType(I32, SQUARE)

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target, to, source, of = values

        def row(start: Any, step: Any, k: int) -> Any:
            place = builder.add(start, builder.mul(step, I64(4 * k)))
            return builder.inttoptr(place, lanes.as_pointer())

        def mixed(a: Any, b: Any, picks: list[int]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, SQUARE), picks))

        rows = [builder.load(row(source, of, k), align=4) for k in range(SQUARE)]
        for bit in (1, 2, 4):
            for k in (k for k in range(SQUARE) if not k & bit):
                low = [SQUARE + (j ^ bit) if j & bit else j for j in range(SQUARE)]
                high = [SQUARE + j if j & bit else j | bit for j in range(SQUARE)]
                a, b = rows[k], rows[k | bit]
                rows[k], rows[k | bit] = mixed(a, b, low), mixed(a, b, high)
        for k in range(SQUARE):
            builder.store(rows[k], row(target, to, k), align=4)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), make


@register_jitable
def transpose(target: int, to: int, source: int, of: int, rows: int, columns: int) -> None:
    """target[r·to + c] = source[c·of + r] for whole squares; `gather` takes the edges."""
    for left in range(0, columns, TILE):  # a cache line of each row of target, then the next rows
        for top in range(0, rows, SQUARE):
            for c in range(left, min(left + TILE, columns), SQUARE):
                corner, origin = target + 4 * (top * to + c), source + 4 * (c * of + top)
                transpose_square(corner, to, origin, of)


@register_jitable
def gather(
    target: int, source: int, rows: int, columns: int, to: int, of: int, next_to: int, next_of: int
) -> None:
    """target[r·to + c·next_to] = source[r·of + c·next_of], one at a time."""
    for r in range(rows):
        for c in range(columns):
            far_to, far_of = r * to + c * next_to, r * of + c * next_of
            copy(target + 4 * far_to, source + 4 * far_of, 4)


@kernel
def _move(args: Any, block: int, blocks: int) -> None:
    rows, to, of = args[11], args[12], args[13]
    columns, next_to, next_of = args[14], args[15], args[16]
    down = (rows + TILE - 1) // TILE
    across = (columns + WIDE - 1) // WIDE
    first, last = share(args[2] * args[5] * args[8] * down * across, block, blocks, 1)
    for tile in range(first, last):
        left = tile % across * WIDE
        rest = tile // across
        top = rest % down * TILE
        rest = rest // down
        i, j, k = rest // args[8] // args[5], rest // args[8] % args[5], rest % args[8]
        n = min(WIDE, columns - left)
        some = min(TILE, rows - top)
        far = i * args[3] + j * args[6] + k * args[9] + top * to + left * next_to
        target = args[0] + 4 * far
        far = i * args[4] + j * args[7] + k * args[10] + top * of + left * next_of
        source = args[1] + 4 * far
        if next_to == 1 and next_of == 1:
            for r in range(some):
                copy(target + 4 * r * to, source + 4 * r * of, 4 * n)
        elif next_to == 1 and next_of == 0:
            for r in range(some):
                y = integers(target + 4 * r * to, n)
                element = integers(source + 4 * r * of, 1)[0]
                for c in range(n):
                    y[c] = element
        else:
            right = 0
            if next_to == 1 and of == 1 and some % SQUARE == 0:
                right = n // SQUARE * SQUARE
                transpose(target, to, source, next_of, some, right)
            target, source = target + 4 * right * next_to, source + 4 * right * next_of
            gather(target, source, some, n - right, to, of, next_to, next_of)


@planned
def move(
    out: Memory,
    x: Memory,
    *,
    shape: tuple[int, ...],
    out_strides: tuple[int, ...],
    out_offset: int,
    x_strides: tuple[int, ...],
    x_offset: int,
) -> list[Launch]:
    if not all(shape):
        return []
    way = route(tuple(shape), tuple(out_strides), tuple(x_strides))
    _expect_inside("out", out, out_offset, way.out_span)
    _expect_inside("x", x, x_offset, way.x_span)
    target, source = out.address + 4 * out_offset, x.address + 4 * x_offset
    return [_move(target, source, *way.axes, blocks=way.blocks)]


def transposed(out: np.ndarray, x: int, batch: int, rows: int, columns: int) -> Launch:
    """The launch of a batch of transposes: (batch, rows, columns) at x to (columns, rows) each."""
    whole = rows * columns
    way = route((batch, columns, rows), (whole, rows, 1), (whole, 1, columns))
    return _move(out.ctypes.data, x, *way.axes, blocks=way.blocks, kept=out)


def _expect_inside(name: str, operand: Memory, offset: int, span: tuple[int, int]) -> None:
    """Strides are the one thing that core does not check. Raises ShapeError."""
    low, high = span
    if offset + low < 0 or offset + high >= operand.size:
        raise ShapeError(
            f"move: the strides of {name} lead from element {offset + low} to {offset + high}, but "
            f"it has {operand.size}; give offset and strides in elements, within the array"
        )


KERNELS = {"move": move}

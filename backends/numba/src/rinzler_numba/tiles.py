"""Small matrix products inside a kernel, of a few vectors' width.

    C[r, c] (+)= Σ_k A[r, k]·B[k, c]    for LANES columns c

A tile of C, eight rows by LANES columns, stays in registers while k runs: a step loads one row of B
and eight numbers of A. A may lie any way round, for its elements are read one by one; B and C have
their columns side by side. The order of a sum is that of k, whatever the shapes, so attention's
forward and backward get the same scores to the last bit.

Each function here is one function of machine code per kernel, compiled once and called from several
places. Rows beyond eight by eight and columns beyond whole vectors: `transpose`, `move` and `clear`
are there to bring operands into that form. Read next: `attention.py`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from rinzler_numba.lanes import (
    FLOATS,
    LANES,
    WHOLES,
    constant,
    fused,
    place,
    shared,
    splat,
)
from rinzler_numba.native import F32, I64

ROWS = 8  # of a tile
WIDTH = 4 * LANES  # bytes of its row


def rounded(n: int) -> int:
    """Up to whole vectors."""
    return -(-n // LANES) * LANES


@register_jitable
def corner(x: int, block: int, heads: int, time: int, size: int, parts: int) -> int:
    """Where the rows of a block's sequence and head begin, in (B, T, parts·H·D)."""
    return x + 4 * size * (block // heads * time * parts * heads + block % heads)


@intrinsic
def product(
    typing: Any, rows: Any, depth: Any, a: Any, down: Any, along: Any,
    b: Any, ldb: Any, c: Any, ldc: Any, add: Any,
) -> Any:  # fmt: skip
    """LANES columns of C: addresses, and how many floats lie between two rows or two k.

    `down` is from row to row of A and `along` from k to k; `add` not 0 adds to what C holds.
    """

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shared(builder, "product", multiplying, args)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 10), make


def multiplying(
    builder: Any, rows: Any, depth: Any, a: Any, down: Any, along: Any,
    b: Any, ldb: Any, c: Any, ldc: Any, add: Any,
) -> None:  # fmt: skip
    """Tiles of eight rows as long as eight are left, then rows one by one."""
    down, along, ldb, ldc = (builder.mul(x, I64(4)) for x in (down, along, ldb, ldc))
    whole = builder.and_(rows, I64(-ROWS))
    for first, last, height in ((I64(0), whole, ROWS), (whole, rows, 1)):
        with cgutils.for_range_slice(builder, first, last, I64(height), I64) as (r, _):
            top = builder.add(a, builder.mul(r, down))
            sums = tile(builder, height, depth, top, down, along, b, ldb)
            goal = builder.add(c, builder.mul(r, ldc))
            for total in sums:
                write(builder, goal, total, add)
                goal = builder.add(goal, ldc)


def tile(
    builder: Any, height: int, depth: Any, a: Any, down: Any, along: Any, b: Any, ldb: Any
) -> list[Any]:
    """`height` rows of C, in registers."""
    sums = [cgutils.alloca_once_value(builder, constant(0.0)) for _ in range(height)]
    for total in sums:
        builder.store(constant(0.0), total)
    with cgutils.for_range(builder, depth) as loop:
        right = builder.add(b, builder.mul(loop.index, ldb))
        row = builder.load(place(builder, right, FLOATS), align=4)
        left = builder.add(a, builder.mul(loop.index, along))
        for total in sums:
            x = splat(builder, builder.load(place(builder, left, F32), align=4))
            builder.store(fused(builder, x, row, builder.load(total)), total)
            left = builder.add(left, down)
    return [builder.load(total) for total in sums]


def write(builder: Any, goal: Any, total: Any, add: Any) -> None:
    goal = place(builder, goal, FLOATS)
    with builder.if_else(builder.icmp_signed("!=", add, I64(0))) as (more, first):
        with more:
            builder.store(builder.fadd(builder.load(goal, align=4), total), goal, align=4)
        with first:
            builder.store(total, goal, align=4)


@intrinsic
def transpose(typing: Any, source: Any, step: Any, target: Any) -> Any:
    """LANES rows of LANES, `step` bytes apart, become the columns of a dense square."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shared(builder, "transpose", transposing, args)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), make


def transposing(builder: Any, source: Any, step: Any, target: Any) -> None:
    """Rows k and k + LANES/2 are interleaved, log₂ LANES times over: each round moves one bit of a
    number's place in the square from the row's into the column's.
    """
    half = LANES // 2
    rows = []
    for _ in range(LANES):
        rows.append(builder.load(place(builder, source, FLOATS), align=4))
        source = builder.add(source, step)
    low = [k // 2 + LANES * (k % 2) for k in range(LANES)]
    sides = [ir.Constant(WHOLES, [start + k for k in low]) for start in (0, half)]
    for _ in range(half.bit_length()):
        pairs = [(rows[k], rows[k + half]) for k in range(half)]
        rows = [builder.shuffle_vector(*pair, side) for pair in pairs for side in sides]
    for row in rows:
        builder.store(row, place(builder, target, FLOATS), align=4)
        target = builder.add(target, I64(4 * LANES))


@intrinsic
def clear(typing: Any, target: Any, count: Any) -> Any:
    """Zeros; whole vectors of them."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shared(builder, "clear", clearing, args)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), make


def clearing(builder: Any, target: Any, count: Any) -> None:
    with cgutils.for_range_slice(builder, I64(0), count, I64(LANES), I64) as (k, _):
        goal = builder.add(target, builder.mul(k, I64(4)))
        builder.store(constant(0.0), place(builder, goal, FLOATS), align=4)


@intrinsic
def move(
    typing: Any, rows: Any, columns: Any, by: Any, source: Any, lds: Any, target: Any, ldt: Any
) -> Any:
    """Copy rows, times a number: `columns` of each, not one further."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        shared(builder, "move", moving, args)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(whole, whole, types.float32, whole, whole, whole, whole), make


def moving(
    builder: Any, rows: Any, columns: Any, by: Any, source: Any, lds: Any, target: Any, ldt: Any
) -> None:
    """Whole vectors, then the rest one by one."""
    whole = builder.and_(columns, I64(-LANES))
    with cgutils.for_range(builder, rows) as loop:
        here = builder.add(source, builder.mul(builder.mul(loop.index, lds), I64(4)))
        there = builder.add(target, builder.mul(builder.mul(loop.index, ldt), I64(4)))
        for first, last, kind in ((I64(0), whole, FLOATS), (whole, columns, F32)):
            step, factor = (LANES, splat(builder, by)) if kind is FLOATS else (1, by)
            with cgutils.for_range_slice(builder, first, last, I64(step), I64) as (c, _):
                offset = builder.mul(c, I64(4))
                x = builder.load(place(builder, builder.add(here, offset), kind), align=4)
                goal = place(builder, builder.add(there, offset), kind)
                builder.store(builder.fmul(x, factor), goal, align=4)

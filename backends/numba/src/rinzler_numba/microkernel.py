"""The innermost part of every matrix product: a tile of the result that stays in registers.

    C[i, j] = start[i, j] + Σ_k A[i, k]·B[k, j]     ROWS rows, up to COLUMNS columns

Each step of k loads one row of B as VECTORS vectors, then a number of A for each row, spread over a
vector, and does ROWS·VECTORS multiply-adds: two loads of a cache line cost less than the arithmetic
that they feed, so the arithmetic units are what limits it. The tile is as large as the registers
allow: 8 by 48 with AVX-512 (24 of 32 hold sums), 4 by 24 with AVX (12 of 16).

A may lie any way round, since its elements are read one by one; rows of B and C are contiguous.
That is why nothing is copied into another order first, as BLAS libraries do: for the sizes of a
GPT the copying costs more than it saves (`benchmarks/LOG.md`). Goto and van de Geijn 2008, "Anatomy
of high-performance matrix multiplication", is where such a kernel comes from.

Each sum runs over k in order, whatever is left of the tile: how a product is cut into tiles does
not change a bit of it. Read next: `product.py`, the loops around it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rinzler_numba.lanes import FLOATS, LANES, WHOLES, constant, fused, place, shared, splat
from rinzler_numba.native import F32, I32, I64

VECTORS = 3
ROWS = 8 if LANES == 16 else 4
COLUMNS = VECTORS * LANES
MASK = ir.VectorType(ir.IntType(1), LANES)


@intrinsic
def tile(
    typing: Any, rows: Any, columns: Any, depth: Any, a: Any, a_row: Any, a_step: Any,
    b: Any, b_step: Any, start: Any, start_row: Any, c: Any, c_row: Any,
) -> Any:  # fmt: skip
    """One tile of `rows` ≤ ROWS by `columns` ≤ COLUMNS, k from 0 to depth.

    a, b, c are addresses and the rest bytes: `a_row` from row to row of A, `a_step` and `b_step`
    from k to k. `start` is where the sums start from: C itself, a bias (start_row 0: the same for
    all rows), or 0 for zero.
    """

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        columns = args[1]
        done = builder.append_basic_block("done")
        for vectors in range(1, VECTORS + 1):
            wide, narrow = (builder.append_basic_block(name) for name in ("wide", "narrow"))
            fits = builder.icmp_signed("<=", columns, I64(vectors * LANES))
            builder.cbranch(fits, narrow, wide)
            builder.position_at_end(narrow)
            shared(builder, f"tile{vectors}", bodies[vectors], args)
            builder.branch(done)
            builder.position_at_end(wide)
        builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 12), make


def tile_of(vectors: int) -> Any:
    """The code of a tile that is so many vectors wide, the last of them perhaps in part."""

    def body(
        builder: Any, rows: Any, columns: Any, depth: Any, a: Any, a_row: Any, a_step: Any,
        b: Any, b_step: Any, start: Any, start_row: Any, c: Any, c_row: Any,
    ) -> None:  # fmt: skip
        masks = _masks(builder, columns, vectors)
        # Rows beyond the last repeat it: they are computed in vain and not written.
        inside = [_at_most(builder, I64(r), builder.sub(rows, I64(1))) for r in range(ROWS)]
        heads = [builder.add(a, builder.mul(r, a_row)) for r in inside]
        begun = builder.icmp_signed("!=", start, I64(0))
        # A masked load reads nothing, but from an address that is not mapped it takes 100 times as
        # long: the processor first raises the fault and then thinks better of it.
        start = builder.select(begun, start, c)
        starts = [builder.add(start, builder.mul(r, start_row)) for r in inside]
        sums = [[cgutils.alloca_once(builder, FLOATS) for _ in masks] for _ in range(ROWS)]
        for row, address in zip(sums, starts, strict=True):
            for v, total in enumerate(row):
                wanted = builder.and_(masks[v], splat(builder, begun))
                builder.store(_load(builder, address, v, wanted), total)
        with cgutils.for_range(builder, depth) as loop:
            line = builder.add(b, builder.mul(loop.index, b_step))
            values = [_load(builder, line, v, mask) for v, mask in enumerate(masks)]
            step = builder.mul(loop.index, a_step)
            for row, head in zip(sums, heads, strict=True):
                x = builder.load(place(builder, builder.add(head, step), F32), align=4)
                x = splat(builder, x)
                for total, value in zip(row, values, strict=True):
                    builder.store(fused(builder, x, value, builder.load(total)), total)
        for r, row in enumerate(sums):
            with builder.if_then(builder.icmp_signed("<", I64(r), rows)):
                goal = builder.add(c, builder.mul(I64(r), c_row))
                for v, total in enumerate(row):
                    _store(builder, builder.load(total), goal, v, masks[v])

    return body


bodies = {vectors: tile_of(vectors) for vectors in range(1, VECTORS + 1)}


def _at_most(builder: Any, x: Any, most: Any) -> Any:
    return builder.select(builder.icmp_signed("<", x, most), x, most)


def _masks(builder: Any, columns: Any, vectors: int) -> list[Any]:
    """Which lanes of each vector are columns of the tile: all, but for the last vector."""
    left = builder.trunc(builder.sub(columns, I64((vectors - 1) * LANES)), I32)
    index = ir.Constant(WHOLES, list(range(LANES)))
    last = builder.icmp_signed("<", index, splat(builder, left))
    return [ir.Constant(MASK, [1] * LANES)] * (vectors - 1) + [last]


def _vector(builder: Any, address: Any, v: int) -> Any:
    return place(builder, builder.add(address, I64(4 * LANES * v)), FLOATS)


def _load(builder: Any, address: Any, v: int, mask: Any) -> Any:
    """Vector number v from an address on; lanes outside of the mask are 0 and are not read."""
    kind = ir.FunctionType(FLOATS, [FLOATS.as_pointer(), I32, MASK, FLOATS])
    name = f"llvm.masked.load.v{LANES}f32.p0"
    load = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(load, [_vector(builder, address, v), I32(4), mask, constant(0.0)])


def _store(builder: Any, x: Any, address: Any, v: int, mask: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [FLOATS, FLOATS.as_pointer(), I32, MASK])
    name = f"llvm.masked.store.v{LANES}f32.p0"
    store = cgutils.get_or_insert_function(builder.module, kind, name)
    builder.call(store, [x, _vector(builder, address, v), I32(4), mask])

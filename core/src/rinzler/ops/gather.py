"""Rows by id: `take_rows` looks them up, `add_rows` sums into them. Both are required kernels.

They are an embedding and its gradient. Ids are int32 and were checked against the table's length
when they were uploaded; kernels do not check again. Read next: `activation.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.ops.dispatch import call
from rinzler.ops.matmul import zeros_unless_given
from rinzler.ops.spec import (
    OpSpec,
    Spec,
    Specs,
    expect_ids,
    expect_rank,
    expect_shape,
    register,
    same_float,
    size_of,
)


def _take_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    table, ids = specs
    expect_rank("take_rows", "table", table, 2)
    expect_ids("take_rows", "ids", ids, table.shape[0], "the rows of the table")
    dtype = same_float("take_rows", ("table",), (table,))
    return (Spec((*ids.shape, table.shape[1]), dtype),)


def _take_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    into = zeros_unless_given(needs[0], node.specs[0], g.device)
    return call("add_rows", node["ids"], g, out=into), None


def _add_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    out, ids, rows = specs
    expect_rank("add_rows", "out", out, 2)
    expect_ids("add_rows", "ids", ids, out.shape[0], "the rows of out")
    expect_shape("add_rows", "rows", rows, (*ids.shape, out.shape[1]), "one row for each id")
    return (Spec(tuple(out.shape), same_float("add_rows", ("out", "rows"), (out, rows))),)


def _cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    table, ids = specs[:2]  # of add_rows: out and ids
    n = size_of(ids.shape) * table.shape[1]
    return 0, 8 * n


register(
    OpSpec(
        "take_rows",
        ("table", "ids"),
        ("y",),
        """
        Forward   y[..., :] = table[ids[...], :], ids of any shape.
        Gradient  row r of the table takes the sum of g over all places that looked it up.
        Hazard    an id out of range is a ShapeError when the ids meet the table, not a bad read.
        """,
        _take_infer,
        _take_vjp,
        saves=("ids",),
        cost=_cost,
    )
)
register(
    OpSpec(
        "add_rows",
        ("ids", "rows"),
        ("out",),
        """
        Forward   out[ids[k], :] += rows[k, :] for every k; ids that repeat sum, in a fixed order.
        Gradient  none: Rinzler differentiates once.
        Hazard    `out[ids] += rows` in numpy keeps one of the repeats only: a silent wrong sum.
        """,
        _add_infer,
        updates=(0,),
        cost=_cost,
    )
)

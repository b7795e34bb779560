"""Reductions over rows and columns of a matrix.

`sum_rows` and `max_rows` are required; they see (R, C) and give (R,). Other axes are brought last
by a permutation (`rinzler.tensor` does it). `sum_cols` and `sumsq` are fused forms with defaults.
Read next: `movement.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.ops.dispatch import call
from rinzler.ops.spec import OpSpec, Spec, Specs, expect_rank, register, same_float, size_of


def total(x: Any) -> Any:
    """Σ over all elements, as an array of shape ()."""
    return call("sum_rows", x.reshape((1, x.size))).reshape(())


def not_nan(x: Any) -> Any:
    """1 where x is a number, 0 where it is NaN, which is neither below 0 nor above −1."""
    number = x.device.constant
    below = call("less", x, number(0.0, x.dtype))
    minus = call("mul", x, number(-1.0, x.dtype))
    return call("maximum", below, call("less", minus, number(1.0, x.dtype)))


def _rows_infer(op: str) -> Any:
    def infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
        (x,) = specs
        expect_rank(op, "x", x, 2)
        return (Spec((x.shape[0],), same_float(op, ("x",), specs)),)

    return infer


def _cols_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (x,) = specs
    expect_rank("sum_cols", "x", x, 2)
    return (Spec((x.shape[1],), same_float("sum_cols", ("x",), specs)),)


def _sumsq_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    return (Spec((), same_float("sumsq", ("x",), specs)),)


def _read_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    n = size_of(specs[0].shape)
    return n, n * 4


def _sum_rows_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    rows, cols = node.specs[0].shape
    return (call("expand", g.reshape((rows, 1)), shape=(rows, cols)),)  # (R, 1) -> (R, C)


def _max_rows_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    x, y = node["x"], node["y"]
    rows, cols = x.shape
    top = call("expand", y.reshape((rows, 1)), shape=x.shape)  # (R, 1) -> (R, C)
    one = g.device.constant(1.0, g.dtype)
    minus_one = g.device.constant(-1.0, g.dtype)
    at_top = call("sub", call("less", x, top), one)  # −1 at the maxima, 0 elsewhere
    at_top = call("mul", at_top, minus_one)
    ties = call("sum_rows", at_top)
    share = call("where", not_nan(y), call("div", g, ties), y).reshape((rows, 1))
    return (call("mul", at_top, call("expand", share, shape=(rows, cols))),)


def _sum_cols_default(outs: Any, x: Any) -> None:
    call("sum_rows", call("permute", x, axes=(1, 0)), out=outs[0])


def _sum_cols_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    rows, cols = node.specs[0].shape
    return (call("expand", g.reshape((1, cols)), shape=(rows, cols)),)  # (1, C) -> (R, C)


def _sumsq_default(outs: Any, x: Any) -> None:
    squares = call("mul", x, x).reshape((1, x.size))
    call("sum_rows", squares, out=outs[0].reshape((1,)))


def _sumsq_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    two = g.device.constant(2.0, g.dtype)
    return (call("mul", call("mul", node["x"], two), g),)


register(
    OpSpec(
        "sum_rows",
        ("x",),
        ("y",),
        """
        Forward   y[r] = Σ_c x[r, c]
        Gradient  ∂y[r]/∂x[r, c] = 1, so every element of row r takes g[r].
        Hazard    a running float32 sum of n terms loses up to n ulp; kernels sum pairwise or in
                  several lanes, always in a fixed order.
        """,
        _rows_infer("sum_rows"),
        _sum_rows_vjp,
        empty=0.0,
        cost=_read_cost,
    )
)
register(
    OpSpec(
        "max_rows",
        ("x",),
        ("y",),
        """
        Forward   y[r] = max_c x[r, c]; NaN where the row holds one.
        Gradient  the maximum takes g[r]; k equal maxima take g[r]/k each. A row with NaN gives
                  NaN to all of it.
        Hazard    a row without elements has no maximum: a ShapeError.
        """,
        _rows_infer("max_rows"),
        _max_rows_vjp,
        saves=("x", "y"),
        cost=_read_cost,
    )
)
register(
    OpSpec(
        "sum_cols",
        ("x",),
        ("y",),
        """
        Forward   y[c] = Σ_r x[r, c]
        Gradient  ∂y[c]/∂x[r, c] = 1, so every element of column c takes g[c].
        Hazard    as sum_rows; the gradient of a bias is this sum over all B·T rows.
        """,
        _cols_infer,
        _sum_cols_vjp,
        _sum_cols_default,
        empty=0.0,
        cost=_read_cost,
    )
)
register(
    OpSpec(
        "sumsq",
        ("x",),
        ("y",),
        """
        Forward   y = Σ x², over all elements: the squared norm that clipping needs.
        Gradient  ∂y/∂x = 2x, so x takes 2x·g.
        Hazard    x² overflows float32 above 1.8e19: the sum is inf, and the step is refused.
        """,
        _sumsq_infer,
        _sumsq_vjp,
        _sumsq_default,
        saves=("x",),
        empty=0.0,
        cost=_read_cost,
    )
)

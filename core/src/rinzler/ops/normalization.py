"""Row-wise normalizations of an (N, C) matrix: softmax, log_softmax, layer_norm.

Each has its backward as a row of its own, so that a backend may fuse either and still meet core's
default for the other: what backward reads is a named output of forward, never hidden state.
Layer norm: Ba, Kiros and Hinton 2016, arXiv:1607.06450. Read next: `attention.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.ops.activation import bwd_infer
from rinzler.ops.dispatch import call
from rinzler.ops.matmul import zeros_unless_given
from rinzler.ops.spec import (
    OpSpec,
    Spec,
    Specs,
    expect_rank,
    expect_shape,
    register,
    same_float,
    size_of,
)


def spread(column: Any, like: Any) -> Any:
    """(N,) repeated along C: one number for each row, shaped as the matrix `like` (N, C)."""
    return call("expand", column.reshape((like.shape[0], 1)), shape=like.shape)


def spread_rows(row: Any, like: Any) -> Any:
    """(C,) repeated along N, shaped as the matrix `like` (N, C)."""
    return call("expand", row, shape=like.shape)


def _rows_infer(op: str) -> Any:
    def infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
        (x,) = specs
        expect_rank(op, "x", x, 2)
        return (Spec(tuple(x.shape), same_float(op, ("x",), specs)),)

    return infer


def _cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    n = size_of(specs[0].shape)
    return 8 * n, 8 * n


def _norm_bwd_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    """dw and db, which may be absent, come before x."""
    n = size_of(specs[2].shape)
    return 16 * n, 16 * n


# --- softmax ----------------------------------------------------------------------------------


def _softmax_default(outs: Any, x: Any) -> None:
    shifted = call("sub", x, spread(call("max_rows", x), x))
    powers = call("exp", shifted)
    call("div", powers, spread(call("sum_rows", powers), x), out=outs[0])


def _softmax_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    return (call("softmax_bwd", node["y"], grads[0]),)


def _softmax_bwd_default(outs: Any, y: Any, g: Any) -> None:
    mean = call("sum_rows", call("mul", g, y))
    call("mul", y, call("sub", g, spread(mean, g)), out=outs[0])


# --- log_softmax ------------------------------------------------------------------------------


def _log_softmax_default(outs: Any, x: Any) -> None:
    shifted = call("sub", x, spread(call("max_rows", x), x))
    log_sum = call("log", call("sum_rows", call("exp", shifted)))
    call("sub", shifted, spread(log_sum, x), out=outs[0])


def _log_softmax_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    return (call("log_softmax_bwd", node["y"], grads[0]),)


def _log_softmax_bwd_default(outs: Any, y: Any, g: Any) -> None:
    weighed = call("mul", call("exp", y), spread(call("sum_rows", g), g))
    call("sub", g, weighed, out=outs[0])


# --- layer_norm -------------------------------------------------------------------------------


def _layer_norm_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    x, w, b = specs
    expect_rank("layer_norm", "x", x, 2)
    rows, width = x.shape
    expect_shape("layer_norm", "w", w, (width,), "one for each column")
    if b is not None:
        expect_shape("layer_norm", "b", b, (width,), "one for each column")
    dtype = same_float("layer_norm", ("x", "w", "b"), specs)
    return Spec((rows, width), dtype), Spec((rows,), dtype), Spec((rows,), dtype)


def _layer_norm_default(outs: Any, x: Any, w: Any, b: Any, *, eps: float) -> None:
    y, mean, rstd = outs
    number = x.device.constant
    per_column = number(1.0 / x.shape[1], x.dtype)
    call("mul", call("sum_rows", x), per_column, out=mean)
    centred = call("sub", x, spread(mean, x))
    variance = call("mul", call("sum_rows", call("mul", centred, centred)), per_column)
    deviation = call("sqrt", call("add", variance, number(eps, x.dtype)))
    ones = x.device.full(deviation.shape, 1.0, x.dtype)
    call("div", ones, deviation, out=rstd)
    normal = call("mul", centred, spread(rstd, x))
    call("mul", normal, spread_rows(w, x), out=y)
    if b is not None:
        call("add", y, spread_rows(b, x), out=y)


def _layer_norm_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    g = grads[0]
    has_bias = node.specs[2] is not None
    dw = zeros_unless_given(needs[1], node.specs[1], g.device)
    db = zeros_unless_given(needs[2], node.specs[2], g.device) if has_bias else None
    saved = (node["x"], node["w"], node["mean"], node["rstd"])
    return call("layer_norm_bwd", *saved, g, out=(None, dw, db))


def _layer_norm_bwd_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec | None, ...]:
    dw, db, x, w, mean, rstd, g = specs
    expect_rank("layer_norm_bwd", "x", x, 2)
    rows, width = x.shape
    expect_shape("layer_norm_bwd", "w", w, (width,), "one for each column")
    expect_shape("layer_norm_bwd", "mean", mean, (rows,), "one for each row")
    expect_shape("layer_norm_bwd", "rstd", rstd, (rows,), "one for each row")
    expect_shape("layer_norm_bwd", "g", g, (rows, width), "that of x")
    names = ("x", "w", "mean", "rstd", "g", "dw", "db")
    dtype = same_float("layer_norm_bwd", names, (x, w, mean, rstd, g, dw, db))
    column = Spec((width,), dtype)
    return (
        Spec((rows, width), dtype),
        None if dw is None else column,
        None if db is None else column,
    )


def _layer_norm_bwd_default(outs: Any, x: Any, w: Any, mean: Any, rstd: Any, g: Any) -> None:
    dx, dw, db = outs
    per_column = x.device.constant(1.0 / x.shape[1], x.dtype)
    normal = call("mul", call("sub", x, spread(mean, x)), spread(rstd, x))
    if dw is not None:
        call("add", dw, call("sum_cols", call("mul", g, normal)), out=dw)
    if db is not None:
        call("add", db, call("sum_cols", g), out=db)
    h = call("mul", g, spread_rows(w, x))
    mean_h = call("mul", call("sum_rows", h), per_column)
    mean_hn = call("mul", call("sum_rows", call("mul", h, normal)), per_column)
    projected = call("sub", h, spread(mean_h, x))
    projected = call("sub", projected, call("mul", normal, spread(mean_hn, x)))
    call("mul", projected, spread(rstd, x), out=dx)


# --- rows -------------------------------------------------------------------------------------

register(
    OpSpec(
        "softmax",
        ("x",),
        ("y",),
        """
        Forward   y[n, c] = e^(x[n, c] − m) / Σ_k e^(x[n, k] − m), m the maximum of the row.
        Gradient  ∂y_c/∂x_k = y_c·([c = k] − y_k), so x takes y·(g − Σ_c g_c·y_c).
        Hazard    without m, e^x overflows above 88.7; a row of −inf only gives NaN.
        """,
        _rows_infer("softmax"),
        _softmax_vjp,
        _softmax_default,
        saves=("y",),
        inplace=(0,),
        cost=_cost,
    )
)
register(
    OpSpec(
        "softmax_bwd",
        ("y", "g"),
        ("dx",),
        """
        Forward   dx = y·(g − Σ_c g_c·y_c), row by row.
        Gradient  none: Rinzler differentiates once.
        Hazard    a constant added to g cancels exactly only in exact arithmetic.
        """,
        bwd_infer("softmax_bwd", "y"),
        None,
        _softmax_bwd_default,
        inplace=(0, 1),
        cost=_cost,
    )
)
register(
    OpSpec(
        "log_softmax",
        ("x",),
        ("y",),
        """
        Forward   y[n, c] = x[n, c] − m − ln Σ_k e^(x[n, k] − m), m the maximum of the row.
        Gradient  ∂y_c/∂x_k = [c = k] − e^(y_k), so x takes g − e^y·Σ_c g_c.
        Hazard    ln(softmax(x)) loses what underflows to 0; this form does not.
        """,
        _rows_infer("log_softmax"),
        _log_softmax_vjp,
        _log_softmax_default,
        saves=("y",),
        inplace=(0,),
        cost=_cost,
    )
)
register(
    OpSpec(
        "log_softmax_bwd",
        ("y", "g"),
        ("dx",),
        """
        Forward   dx = g − e^y·Σ_c g_c, row by row.
        Gradient  none: Rinzler differentiates once.
        Hazard    none beyond the sum's.
        """,
        bwd_infer("log_softmax_bwd", "y"),
        None,
        _log_softmax_bwd_default,
        inplace=(0, 1),
        cost=_cost,
    )
)
register(
    OpSpec(
        "layer_norm",
        ("x", "w", "b"),
        ("y", "mean", "rstd"),
        """
        Forward   n = (x − mean)·rstd, rstd = 1/√(var + eps), mean and var over the C columns of a
                  row; y = n·w + b, b possibly absent.
        Gradient  with h = g·w: n depends on x directly and through mean and var, each of which
                  takes its share out, so x takes rstd·(h − mean(h) − n·mean(h·n)); w takes Σ_n g·n,
                  b takes Σ_n g.
        Hazard    var as mean(x²) − mean(x)² cancels; it is computed from x − mean.
        """,
        _layer_norm_infer,
        _layer_norm_vjp,
        _layer_norm_default,
        saves=("x", "w", "mean", "rstd"),
        cost=_cost,
    )
)
register(
    OpSpec(
        "layer_norm_bwd",
        ("x", "w", "mean", "rstd", "g"),
        ("dx", "dw", "db"),
        """
        Forward   dx = rstd·(h − mean(h) − n·mean(h·n)), h = g·w; dw += Σ_n g·n; db += Σ_n g.
                  An absent dw or db is not wanted.
        Gradient  none: Rinzler differentiates once.
        Hazard    a constant row has var = 0 and rstd = 1/√eps: dx is then about 300·h.
        """,
        _layer_norm_bwd_infer,
        None,
        _layer_norm_bwd_default,
        updates=(1, 2),
        cost=_norm_bwd_cost,
    )
)

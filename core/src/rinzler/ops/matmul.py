"""Matrix products: `matmul` (required), and the layers made of it: `linear`, `linear_gelu`.

Weights are stored [in, out], so that y = x @ w needs no transpose and GPT-2 files load as they are.
`accumulate` adds into `out` instead of overwriting it: a gradient that lands in a parameter's slot
of the flat gradient buffer needs no temporary.

Leaves out: any blocking or threading; that is the backend's craft. Read next: `gather.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.ops.dispatch import call
from rinzler.ops.spec import (
    OpSpec,
    Spec,
    Specs,
    bad_shape,
    expect_rank,
    expect_shape,
    register,
    same_float,
    size_of,
)


def add_matmul(into: Any, a: Any, b: Any, ta: bool = False, tb: bool = False) -> Any:
    """op(a) @ op(b), added to `into` where that is an array, else as a fresh array."""
    fresh = not hasattr(into, "handle")
    return call("matmul", a, b, ta=ta, tb=tb, accumulate=not fresh, out=None if fresh else into)


def add_into(into: Any, gradient: Any) -> Any:
    """`gradient`, added to `into` where that is an array."""
    if not hasattr(into, "handle"):
        return gradient
    return call("add", into, gradient, out=into)


def zeros_unless_given(need: Any, spec: Spec, device: Any) -> Any:
    """Where to accumulate a gradient: the slot that the engine offers, else a fresh zero array."""
    if hasattr(need, "handle"):
        return need
    return device.full(spec.shape, 0.0, spec.dtype) if need else None


# --- matmul -----------------------------------------------------------------------------------


def _matmul_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    a, b = specs
    expect_rank("matmul", "a", a, 2, 3)
    expect_rank("matmul", "b", b, len(a.shape))
    rows, inner = a.shape[-2:][::-1] if attrs.get("ta") else a.shape[-2:]
    inner_b, cols = b.shape[-2:][::-1] if attrs.get("tb") else b.shape[-2:]
    batch = a.shape[:-2]
    if b.shape[:-2] != batch:
        raise bad_shape("matmul", "b", b, f"the batch of a {tuple(a.shape)}")
    if inner_b != inner:
        flags = f"ta={bool(attrs.get('ta'))}, tb={bool(attrs.get('tb'))}"
        raise bad_shape(
            "matmul", "b", b, f"{inner} on its inner axis to meet a {a.shape} ({flags})"
        )
    return (Spec((*batch, rows, cols), same_float("matmul", ("a", "b"), specs)),)


def _matmul_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    a, b = specs
    (out,) = _matmul_infer(specs, attrs)
    inner = a.shape[-2] if attrs.get("ta") else a.shape[-1]
    elements = size_of(a.shape) + size_of(b.shape) + size_of(out.shape)
    return 2 * size_of(out.shape) * inner, 4 * elements


def _matmul_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    a, b = node["a"], node["b"]
    ta, tb = node.attrs.get("ta", False), node.attrs.get("tb", False)
    da = db = None
    if needs[0]:
        da = (
            add_matmul(needs[0], b, g, tb, True)
            if ta
            else add_matmul(needs[0], g, b, False, not tb)
        )
    if needs[1]:
        db = add_matmul(needs[1], g, a, True, ta) if tb else add_matmul(needs[1], a, g, not ta)
    return da, db


# --- linear -----------------------------------------------------------------------------------


def _linear_infer_for(op: str, outputs: int) -> Any:
    def infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
        x, w, b = specs
        expect_rank(op, "x", x, 2)
        expect_rank(op, "w", w, 2)
        if w.shape[0] != x.shape[1]:
            raise bad_shape(op, "w", w, f"({x.shape[1]}, out) to meet x {tuple(x.shape)}")
        if b is not None:
            expect_shape(op, "b", b, (w.shape[1],), "one for each output")
        y = Spec((x.shape[0], w.shape[1]), same_float(op, ("x", "w", "b"), specs))
        return (y,) * outputs

    return infer


def _linear_default(outs: Any, x: Any, w: Any, b: Any) -> None:
    (y,) = outs
    if b is None:
        call("matmul", x, w, ta=False, tb=False, accumulate=False, out=y)
        return
    call("expand", b, shape=y.shape, out=y)  # (M,) -> (N, M)
    call("matmul", x, w, ta=False, tb=False, accumulate=True, out=y)


def _linear_gradients(node: Any, g: Any, needs: Any) -> tuple[Any, ...]:
    """dX, dW, db from the gradient of y = x @ w + b; one fused call where all are wanted."""
    x, w = node["x"], node["w"]
    need_x, need_w, need_b = needs
    has_bias = node.specs[2] is not None
    if need_x and need_w and not hasattr(need_x, "handle"):
        dw = zeros_unless_given(need_w, node.specs[1], g.device)
        db = zeros_unless_given(need_b, node.specs[2], g.device) if has_bias else None
        return call("linear_bwd", x, w, g, out=(None, dw, db))
    dx = add_matmul(need_x, g, w, False, True) if need_x else None
    dw = add_matmul(need_w, x, g, True, False) if need_w else None
    db = add_into(need_b, call("sum_cols", g)) if has_bias and need_b else None
    return dx, dw, db


def _linear_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    return _linear_gradients(node, grads[0], needs)


def _linear_bwd_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec | None, ...]:
    dw, db, x, w, g = specs
    dtype = same_float("linear_bwd", ("x", "w", "g", "dw", "db"), (x, w, g, dw, db))
    expect_rank("linear_bwd", "x", x, 2)
    expect_rank("linear_bwd", "w", w, 2)
    if w.shape[0] != x.shape[1]:
        raise bad_shape("linear_bwd", "w", w, f"({x.shape[1]}, out) to meet x {tuple(x.shape)}")
    expect_shape("linear_bwd", "g", g, (x.shape[0], w.shape[1]), "that of y")
    return (
        Spec(tuple(x.shape), dtype),
        Spec(tuple(w.shape), dtype) if dw is not None else None,
        Spec((w.shape[1],), dtype) if db is not None else None,
    )


def _linear_bwd_default(outs: Any, x: Any, w: Any, g: Any) -> None:
    dx, dw, db = outs
    call("matmul", g, w, ta=False, tb=True, accumulate=False, out=dx)
    if dw is not None:
        call("matmul", x, g, ta=True, tb=False, accumulate=True, out=dw)
    if db is not None:
        call("add", db, call("sum_cols", g), out=db)


def _linear_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    return _matmul_cost(specs[:2], {})


def _linear_bwd_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    flops, nbytes = _matmul_cost(specs[2:4], {})
    return 2 * flops, 2 * nbytes


# --- linear_gelu ------------------------------------------------------------------------------


def _linear_gelu_default(outs: Any, x: Any, w: Any, b: Any) -> None:
    y, pre = outs
    call("linear", x, w, b, out=pre)
    call("gelu", pre, out=y)


def _linear_gelu_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    g = call("gelu_bwd", node["pre"], grads[0])
    return _linear_gradients(node, g, needs)


# --- rows -------------------------------------------------------------------------------------

register(
    OpSpec(
        "matmul",
        ("a", "b"),
        ("y",),
        """
        Forward   y = op(a) @ op(b), op transposing the last two axes where ta, tb say so; 2-D, or
                  3-D with a batch in front. With accumulate, y += instead.
        Gradient  dy = da·b + a·db, so for plain operands a takes g·bᵀ and b takes aᵀ·g; a flag
                  transposes the corresponding side.
        Hazard    each element is a sum of K products, with error up to K ulp of Σ|a||b|; the order
                  of that sum differs between BLAS libraries, kernels and thread counts.
        """,
        _matmul_infer,
        _matmul_vjp,
        saves=("a", "b"),
        empty=0.0,
        cost=_matmul_cost,
    )
)
register(
    OpSpec(
        "linear",
        ("x", "w", "b"),
        ("y",),
        """
        Forward   y = x @ w + b, x (N, in), w [in, out], b (out,) or absent.
        Gradient  that of matmul, and b takes the sum of g over the N rows: `linear_bwd`.
        Hazard    as matmul.
        """,
        _linear_infer_for("linear", 1),
        _linear_vjp,
        _linear_default,
        saves=("x", "w"),
        cost=_linear_cost,
    )
)
register(
    OpSpec(
        "linear_bwd",
        ("x", "w", "g"),
        ("dx", "dw", "db"),
        """
        Forward   dx = g @ wᵀ; dw += xᵀ @ g; db += Σ_n g[n]. An absent dw or db is not wanted.
        Gradient  none: Rinzler differentiates once.
        Hazard    dw and db are sums over all N = B·T rows.
        """,
        _linear_bwd_infer,
        None,
        _linear_bwd_default,
        updates=(1, 2),
        cost=_linear_bwd_cost,
    )
)
register(
    OpSpec(
        "linear_gelu",
        ("x", "w", "b"),
        ("y", "pre"),
        """
        Forward   pre = x @ w + b; y = gelu(pre). The first half of a transformer's MLP.
        Gradient  g passes `gelu_bwd` at pre, then `linear_bwd`.
        Hazard    as matmul and gelu.
        """,
        _linear_infer_for("linear_gelu", 2),
        _linear_gelu_vjp,
        _linear_gelu_default,
        saves=("x", "w", "pre"),
        cost=_linear_cost,
    )
)

"""Elementwise rows: eleven required kernels and what their gradients are.

Operands have equal shapes, or `b` has one element; `rinzler.tensor` has broadcast everything else
before (a one-element `a` too). Formulas use g for the gradient that arrives from above.

Leaves out: broadcasting (`movement.py`, expand). Read next: `movement.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.ops.dispatch import call
from rinzler.ops.reduce import not_nan, total
from rinzler.ops.spec import (
    OpSpec,
    Spec,
    Specs,
    bad_shape,
    register,
    same_float,
    size_of,
)

BINARY = ("a", "b")


def _check_operand(op: str, name: str, x: Any, shape: tuple[int, ...]) -> None:
    if tuple(x.shape) != shape and size_of(x.shape) != 1:
        raise bad_shape(op, name, x, f"{shape} or one element")


def binary_infer(op: str) -> Any:
    def infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
        a, b = specs
        _check_operand(op, "b", b, a.shape)
        return (Spec(a.shape, same_float(op, BINARY, specs)),)

    return infer


def unary_infer(op: str, operand: str = "a") -> Any:
    def infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
        (x,) = specs
        return (Spec(x.shape, same_float(op, (operand,), specs)),)

    return infer


def binary_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    n = size_of(specs[0].shape)
    return n, 3 * n * 4


def unary_cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    n = size_of(specs[0].shape)
    return n, 2 * n * 4


def fit(gradient: Any, spec: Spec) -> Any:
    """The gradient of a one-element operand is the sum over all places it was used in."""
    if gradient.shape == spec.shape:
        return gradient
    return total(gradient).reshape(spec.shape)


# --- gradients --------------------------------------------------------------------------------


def _add_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    return g, (fit(g, node.specs[1]) if needs[1] else None)


def _sub_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    minus_one = g.device.constant(-1.0, g.dtype)
    return g, (fit(call("mul", g, minus_one), node.specs[1]) if needs[1] else None)


def _mul_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    a, b = node["a"], node["b"]
    da = call("mul", g, b) if needs[0] else None
    db = fit(call("mul", g, a), node.specs[1]) if needs[1] else None
    return da, db


def _div_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    b, y = node["b"], node["y"]
    da = call("div", g, b)
    if not needs[1]:
        return da, None
    minus_one = g.device.constant(-1.0, g.dtype)
    return da, fit(call("mul", call("mul", da, y), minus_one), node.specs[1])


def _maximum_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    a, b = node["a"], node["b"]
    # [a > b] + ½·[a = b], from `less` alone: ½ · (1 + [b − a < 0] − [a < b]).
    b_minus_a = call("mul", call("sub", a, b), g.device.constant(-1.0, g.dtype))
    greater = call("less", b_minus_a, g.device.constant(0.0, g.dtype))
    balance = call("sub", greater, call("less", a, b))
    one_more = call("add", balance, g.device.constant(1.0, g.dtype))
    share_a = call("mul", one_more, g.device.constant(0.5, g.dtype))
    share_a = call("where", not_nan(node["y"]), share_a, node["y"])
    da = call("mul", g, share_a)
    db = fit(call("sub", g, da), node.specs[1]) if needs[1] else None
    return da, db


def _exp_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    return (call("mul", grads[0], node["y"]),)


def _log_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    return (call("div", grads[0], node["a"]),)


def _sqrt_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    half = g.device.constant(0.5, g.dtype)
    return (call("mul", call("div", g, node["y"]), half),)


def _tanh_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    y = node["y"]
    return (call("sub", g, call("mul", g, call("mul", y, y))),)


def _where_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    mask, a, b = specs
    _check_operand("where", "a", a, mask.shape)
    _check_operand("where", "b", b, mask.shape)
    return (Spec(mask.shape, same_float("where", ("mask", "a", "b"), specs)),)


def _where_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    zero = g.device.constant(0.0, g.dtype)
    da = fit(call("where", node["mask"], g, zero), node.specs[1]) if needs[1] else None
    db = fit(call("where", node["mask"], zero, g), node.specs[2]) if needs[2] else None
    return None, da, db


# --- rows -------------------------------------------------------------------------------------


def _binary(name: str, doc: str, vjp: Any, saves: tuple[str, ...]) -> None:
    register(
        OpSpec(
            name,
            BINARY,
            ("y",),
            doc,
            binary_infer(name),
            vjp,
            saves=saves,
            inplace=(0, 1),
            cost=binary_cost,
        )
    )


def _unary(name: str, doc: str, vjp: Any, saves: tuple[str, ...]) -> None:
    register(
        OpSpec(
            name,
            ("a",),
            ("y",),
            doc,
            unary_infer(name),
            vjp,
            saves=saves,
            inplace=(0,),
            cost=unary_cost,
        )
    )


_binary(
    "add",
    """
    Forward   y = a + b
    Gradient  dy = da + db, so each operand takes g as it is.
    Hazard    float addition is not associative: the order of a long sum decides its last bits.
    """,
    _add_vjp,
    (),
)
_binary(
    "sub",
    """
    Forward   y = a − b
    Gradient  dy = da − db, so a takes g and b takes −g.
    Hazard    close operands cancel: the relative error of y grows as |a| / |a − b|.
    """,
    _sub_vjp,
    (),
)
_binary(
    "mul",
    """
    Forward   y = a·b
    Gradient  dy = b·da + a·db, so a takes g·b and b takes g·a.
    Hazard    0·inf is NaN: mask with `where`, never with a product.
    """,
    _mul_vjp,
    ("a", "b"),
)
_binary(
    "div",
    """
    Forward   y = a / b
    Gradient  dy = da/b − a/b²·db, so a takes g/b and b takes −(g/b)·y.
    Hazard    b = 0 gives inf or NaN, silently, as IEEE 754 says.
    """,
    _div_vjp,
    ("b", "y"),
)
_binary(
    "maximum",
    """
    Forward   y = max(a, b); NaN where either is NaN.
    Gradient  the larger operand takes g; where both are equal each takes g/2, the mean of the
              one-sided slopes, so that swapping a and b swaps the gradients. NaN gives NaN.
    Hazard    y has a kink at a = b: finite differences across it measure neither slope.
    """,
    _maximum_vjp,
    ("a", "b", "y"),
)
_binary(
    "less",
    """
    Forward   y = 1 where a < b, else 0, in the dtype of a. A comparison with NaN gives 0.
    Gradient  none: y is constant but for jumps.
    Hazard    1 − less(a, b) is "a ≥ b or one of them is NaN".
    """,
    None,
    (),
)
_unary(
    "exp",
    """
    Forward   y = eᵃ
    Gradient  dy = eᵃ·da = y·da, so a takes g·y.
    Hazard    overflows to inf above 88.7 in float32: subtract the maximum first, as softmax does.
    """,
    _exp_vjp,
    ("y",),
)
_unary(
    "log",
    """
    Forward   y = ln a
    Gradient  dy = da / a, so a takes g/a.
    Hazard    a = 0 gives −inf, a < 0 gives NaN, and near 1 the result has few correct bits.
    """,
    _log_vjp,
    ("a",),
)
_unary(
    "sqrt",
    """
    Forward   y = √a
    Gradient  y² = a, hence 2y·dy = da, so a takes g/(2y).
    Hazard    the slope at 0 is infinite; a < 0 gives NaN.
    """,
    _sqrt_vjp,
    ("y",),
)
_unary(
    "tanh",
    """
    Forward   y = tanh a
    Gradient  d tanh = 1 − tanh², so a takes g·(1 − y²), computed as g − g·y².
    Hazard    1 − y² cancels for |a| > 9 in float32, where it is 0 in effect.
    """,
    _tanh_vjp,
    ("y",),
)
register(
    OpSpec(
        "where",
        ("mask", "a", "b"),
        ("y",),
        """
        Forward   y = a where mask ≠ 0, else b; mask holds 0 and 1; a or b may have one element.
        Gradient  the chosen operand takes g, the other 0; the mask takes none.
        Hazard    it selects, it does not multiply: inf or NaN in the operand not chosen stays out.
        """,
        _where_infer,
        _where_vjp,
        saves=("mask",),
        inplace=(0, 1, 2),
        cost=binary_cost,
    )
)

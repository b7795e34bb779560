"""Activations: `gelu` and `relu`, fused ops with defaults in terms of elementwise kernels.

GELU is x·Φ(x), the input weighed by the chance that a normal number lies below it (Hendrycks and
Gimpel 2016, arXiv:1606.08415). GPT-2 uses their tanh form, and so does Rinzler, forward and
backward alike: a tanh forward with an erf backward is wrong by up to 1e-3 and trains all the same.
Read next: `normalization.py`.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from rinzler.ops.dispatch import call
from rinzler.ops.elementwise import binary_cost, unary_cost, unary_infer
from rinzler.ops.spec import OpSpec, Spec, Specs, expect_shape, register, same_float

GELU_SCALE = sqrt(2.0 / pi)
GELU_CUBIC = 0.044715


def bwd_infer(op: str, first: str = "x") -> Any:
    """Inference of an elementwise backward: (saved, g) of one shape."""

    def infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
        x, g = specs
        expect_shape(op, "g", g, tuple(x.shape), f"that of {first}")
        return (Spec(tuple(x.shape), same_float(op, (first, "g"), specs)),)

    return infer


def _gelu_parts(x: Any) -> tuple[Any, Any]:
    """x² and t = tanh(s·(x + c·x³)), of which both directions are made."""
    number = x.device.constant
    square = call("mul", x, x)
    inner = call("mul", square, number(GELU_CUBIC, x.dtype))
    inner = call("add", inner, number(1.0, x.dtype))
    inner = call("mul", call("mul", inner, x), number(GELU_SCALE, x.dtype))
    return square, call("tanh", inner)


def _gelu_default(outs: Any, x: Any) -> None:
    number = x.device.constant
    _, t = _gelu_parts(x)
    half = call("mul", x, number(0.5, x.dtype))
    call("mul", half, call("add", t, number(1.0, x.dtype)), out=outs[0])


def _gelu_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    return (call("gelu_bwd", node["x"], grads[0]),)


def _gelu_bwd_default(outs: Any, x: Any, g: Any) -> None:
    number = x.device.constant
    one, half = number(1.0, x.dtype), number(0.5, x.dtype)
    square, t = _gelu_parts(x)
    slope = call("mul", square, number(3 * GELU_CUBIC, x.dtype))
    slope = call("mul", call("add", slope, one), number(GELU_SCALE, x.dtype))
    sech2 = call("add", call("mul", call("mul", t, t), number(-1.0, x.dtype)), one)
    right = call("mul", call("mul", x, sech2), slope)
    left = call("add", t, one)
    derivative = call("mul", call("add", left, right), half)
    call("mul", g, derivative, out=outs[0])


def _relu_default(outs: Any, x: Any) -> None:
    call("maximum", x, x.device.constant(0.0, x.dtype), out=outs[0])


def _relu_vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    (g,) = grads
    minus = call("mul", node["y"], g.device.constant(-1.0, g.dtype))
    positive = call("less", minus, g.device.constant(0.0, g.dtype))
    silent = call("mul", g, call("mul", node["y"], g.device.constant(0.0, g.dtype)))  # 0 or NaN
    return (call("where", positive, g, silent),)


register(
    OpSpec(
        "gelu",
        ("x",),
        ("y",),
        """
        Forward   y = ½·x·(1 + t), t = tanh(u), u = s·(x + c·x³), s = √(2/π), c = 0.044715.
        Gradient  dy/dx = ½·(1 + t) + ½·x·dt/dx with dt/dx = (1 − t²)·s·(1 + 3c·x²), the product
                  rule and the slope of tanh.
        Hazard    1 + t cancels for x < −4, where y is almost 0: small in absolute terms only.
        """,
        unary_infer("gelu", "x"),
        _gelu_vjp,
        _gelu_default,
        saves=("x",),
        inplace=(0,),
        cost=unary_cost,
    )
)
register(
    OpSpec(
        "gelu_bwd",
        ("x", "g"),
        ("dx",),
        """
        Forward   dx = g·[½·(1 + t) + ½·x·(1 − t²)·s·(1 + 3c·x²)], t as in `gelu`.
        Gradient  none: Rinzler differentiates once.
        Hazard    x² overflows beyond 1.8e19 in float32, and 0·inf then makes dx NaN: an activation
                  so large is broken already, and NaN stops the run.
        """,
        bwd_infer("gelu_bwd"),
        None,
        _gelu_bwd_default,
        inplace=(0, 1),
        cost=binary_cost,
    )
)
register(
    OpSpec(
        "relu",
        ("x",),
        ("y",),
        """
        Forward   y = max(x, 0); NaN stays NaN.
        Gradient  x takes g where y > 0, else 0; at the kink itself 0, as the field does. NaN
                  gives NaN: it must not end as an innocent 0.
        Hazard    a unit whose inputs are all negative has no gradient any more: it is dead.
        """,
        unary_infer("relu", "x"),
        _relu_vjp,
        _relu_default,
        saves=("y",),
        inplace=(0,),
        cost=unary_cost,
    )
)

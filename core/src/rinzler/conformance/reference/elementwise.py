"""What the elementwise rows and the activations compute, as formulas in `Bounded` arithmetic.

A reference takes the outputs that are read (a tuple, None elsewhere), then the inputs, then the
attributes by name. It returns one answer per output: a `Bounded`, judged within its bound, or a
numpy array, judged bit for bit. Read next: `movement.py`.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from rinzler.conformance.bounded import Bounded, Reference, plain

SCALE = sqrt(2.0 / pi)
CUBIC = 0.044715


def fill(outs: Any, *, value: float) -> Any:
    """The number itself: bit for bit, with the sign of zero."""
    return (np.full(plain(outs[0]).shape, value),)


def _binary(formula: Any) -> Any:
    """Equal shapes, or a `b` of one element under any shape."""

    def reference(outs: Any, a: Bounded, b: Bounded) -> Any:
        return (formula(a, b.reshape(()) if b.value.size == 1 else b),)

    return reference


def _maximum(a: Bounded, b: Bounded) -> Bounded:
    """Selects, so it is exact; by value and not by bits, since max(0, −0) may be either zero."""
    return Bounded.exact(np.maximum(a.value, b.value), a.precision)


def _less(a: Bounded, b: Bounded) -> np.ndarray:
    return np.where(a.value < b.value, 1.0, 0.0)


def where(outs: Any, mask: Bounded, a: Bounded, b: Bounded) -> Any:
    """Selects bit for bit; a and b may have one element under any shape."""
    one_a, one_b = (x.value.reshape(()) if x.value.size == 1 else x.value for x in (a, b))
    return (np.where(mask.value != 0, one_a, one_b),)


def _unary(formula: Any) -> Any:
    return lambda outs, a: (formula(a),)


def one_plus_tanh(u: Bounded) -> Bounded:
    """1 + tanh u as 2/(1 + e^(−2u)): the sum cancels to 0 in float64, too, for u < −18.

    What is left there is right, and so is the 0 of a kernel whose tanh has reached −1: the bound is
    at least twice of it, as long as that is less than a rounding error of tanh.
    """
    near = 1.0 + u.tanh()
    value, most = (2.0 / (1.0 + np.exp(-2.0 * x)) for x in (u.value, u.value + u.error))
    left_over = np.minimum(2.0 * most, u.precision.unit)
    return Bounded(value, np.maximum(near.error, left_over), u.precision)


def gelu(outs: Any, x: Bounded) -> Any:
    """½·x·(1 + tanh u): the bound is that of tanh, which is absolute, times x."""
    return (gelu_of(x),)


def gelu_of(x: Bounded) -> Bounded:
    return 0.5 * x * one_plus_tanh(SCALE * (x + CUBIC * (x * x * x)))


def gelu_bwd(outs: Any, x: Bounded, g: Bounded) -> Any:
    """The product rule; where u is large 1 − t² is 0 and the slope does not matter."""
    square = x * x
    u = SCALE * x * (1.0 + CUBIC * square)
    # 1 − t² as (1 − t)·(1 + t): the same within the bound of t, and it falls to 0 by itself.
    left = one_plus_tanh(u)
    right = x * (one_plus_tanh(-u) * left) * (SCALE * (1.0 + 3 * CUBIC * square))
    return (g * (0.5 * (left + right)),)


def relu(outs: Any, x: Bounded) -> Any:
    """Selects; NaN stays NaN."""
    return (Bounded.exact(np.maximum(x.value, 0.0), x.precision),)


REFERENCES: dict[str, Reference] = {
    "fill": fill,
    "add": _binary(lambda a, b: a + b),
    "sub": _binary(lambda a, b: a - b),
    "mul": _binary(lambda a, b: a * b),
    "div": _binary(lambda a, b: a / b),
    "maximum": _binary(_maximum),
    "less": _binary(_less),
    "where": where,
    "exp": _unary(lambda a: a.exp()),
    "log": _unary(lambda a: a.log()),
    "sqrt": _unary(lambda a: a.sqrt()),
    "tanh": _unary(lambda a: a.tanh()),
    "gelu": gelu,
    "gelu_bwd": gelu_bwd,
    "relu": relu,
}

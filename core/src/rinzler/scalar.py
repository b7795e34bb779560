"""Rung 1: reverse-mode automatic differentiation on one number.

A network is one long formula, and learning asks of each number in it: if this one moved a little,
how far would the result move? One walk back through the formula answers for all of them at once
(Linnainmaa 1970; Rumelhart, Hinton and Williams 1986). A `Value` is a number, the values it was
made from, and the slope along each of these edges. The chain rule does the rest: multiply the
slopes along a path, add up over all paths.
Leaves out: arrays, second derivatives (slopes are plain floats), and any `data` that changes
between forward and `backward`: the slopes are those of the old one. Read next: `tensor.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from rinzler.errors import DtypeError, NumericsError


def _or_number(op: Callable[[Value, Value], Value]) -> Callable[[Value, object], Value]:
    """Let the other operand be an int or a float; whatever else it is, Python refuses it."""

    def with_number(self: Value, other: object) -> Value:
        other = Value(other) if isinstance(other, (int, float)) else other
        return op(self, other) if isinstance(other, Value) else NotImplemented

    return with_number


def _real(function: Callable[..., float], *operands: float, needs: str) -> float:
    """function(*operands), or an error that says what was asked and what it needs."""
    try:
        return function(*operands)
    except (ValueError, ZeroDivisionError, OverflowError) as cause:
        asked = f"{function.__name__}({', '.join(map(repr, operands))})"
        raise NumericsError(f"{asked} is no finite real number: {needs}") from cause


class Value:
    """One number that remembers how it was made. A neuron learns to answer 0.5:

    >>> w = Value(0.0)
    >>> for _ in range(50):
    ...     loss = (w.tanh() - 0.5) ** 2
    ...     w.grad = 0.0               # because backward() adds to what is there
    ...     loss.backward()            # now w.grad is d(loss)/d(w)
    ...     w.data -= 0.5 * w.grad     # one step downhill
    >>> print(f"tanh({w.data:.4f}) = {w.tanh().data:.4f}")
    tanh(0.5493) = 0.5000
    """

    __slots__ = ("data", "grad", "op", "parents", "slopes")

    def __init__(
        self,
        data: float,
        parents: tuple[Value, ...] = (),
        slopes: tuple[float, ...] = (),  # slopes[i] = d(self) / d(parents[i])
        op: str = "",
    ) -> None:
        if not isinstance(data, (int, float)):
            raise DtypeError(f"Value(data) takes an int or a float, got {data!r}; try float(data)")
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes
        self.op = op

    def __repr__(self) -> str:
        op = f", op={self.op!r}" if self.op else ""
        return f"Value(data={self.data}, grad={self.grad}{op})"

    @_or_number
    def __add__(self, other: Value) -> Value:  # ∂(a + b)/∂a = 1, ∂(a + b)/∂b = 1
        return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")

    @_or_number
    def __sub__(self, other: Value) -> Value:  # ∂(a - b)/∂a = 1, ∂(a - b)/∂b = -1
        return Value(self.data - other.data, (self, other), (1.0, -1.0), "-")

    @_or_number
    def __mul__(self, other: Value) -> Value:  # ∂(ab)/∂a = b, ∂(ab)/∂b = a
        return Value(self.data * other.data, (self, other), (other.data, self.data), "*")

    @_or_number
    def __truediv__(self, other: Value) -> Value:  # ∂(a/b)/∂a = 1/b, ∂(a/b)/∂b = -a/b² = -(a/b)/b
        y = _real(operator.truediv, self.data, other.data, needs="try a / (b + 1e-9)")
        return Value(y, (self, other), (1.0 / other.data, -y / other.data), "/")

    def __pow__(self, n: object) -> Value:
        if isinstance(n, Value):
            return (n * self.log()).exp()  # aⁿ = exp(n log a), so the base must be above 0
        if not isinstance(n, (int, float)):
            return NotImplemented
        # ∂(aⁿ)/∂a = n aⁿ⁻¹; and a⁰ is the constant 1, also where there is no a⁻¹
        needs = "a ** n and its slope n * a ** (n - 1) must be real and fit a float"
        slope = n * _real(math.pow, self.data, n - 1, needs=needs) if n else 0.0
        return Value(_real(math.pow, self.data, n, needs=needs), (self,), (slope,), f"** {n}")

    def __neg__(self) -> Value:  # ∂(-a)/∂a = -1
        return Value(-self.data, (self,), (-1.0,), "neg")

    def exp(self) -> Value:  # ∂eᵃ/∂a = eᵃ: it is its own slope
        y = _real(math.exp, self.data, needs="it takes at most 709.78; scale it down")
        return Value(y, (self,), (y,), "exp")

    def log(self) -> Value:  # ∂(log a)/∂a = 1/a
        y = _real(math.log, self.data, needs="log needs more than 0; try (x + 1e-9).log()")
        return Value(y, (self,), (1.0 / self.data,), "log")

    def tanh(self) -> Value:  # tanh = sinh/cosh, so its slope is (cosh² - sinh²)/cosh² = 1 - tanh²
        y = math.tanh(self.data)
        return Value(y, (self,), (1.0 - y * y,), "tanh")

    def relu(self) -> Value:  # ∂max(0, a)/∂a = 1 above 0 and 0 below; at 0, by custom, 0
        a = self.data
        # A NaN would come out of a > 0 as an innocent 0. It goes through, and so does its slope.
        y, slope = (a, a) if math.isnan(a) else (max(0.0, a), float(a > 0))
        return Value(y, (self,), (slope,), "relu")

    # Reflected forms: for `2 - v` Python asks 2 first, which declines, and then v.
    __radd__ = __add__
    __rmul__ = __mul__
    __rsub__ = _or_number(lambda self, other: other - self)
    __rtruediv__ = _or_number(lambda self, other: other / self)
    __rpow__ = _or_number(lambda self, other: other**self)

    def history(self) -> list[Value]:
        """All that this value was made from, parents before their results, itself last."""
        order: list[Value] = []
        seen: set[Value] = set()  # only asked, never walked: a set's order is that of addresses
        stack = [(self, False)]  # our own, for Python's is full at a depth of about 1000
        while stack:
            value, parents_are_listed = stack.pop()
            if parents_are_listed:
                order.append(value)
            elif value not in seen:
                seen.add(value)
                stack.append((value, True))
                stack.extend((parent, False) for parent in value.parents)
        return order

    def backward(self) -> None:
        """Add d(self)/d(leaf) to the `grad` of each leaf, that is, of each value no op has made.

        Leaves add up over calls, until you set them to 0.0. All other values start afresh, or a
        second call would pass on the first one's share again. The order is fixed, and parents are
        tuples, since a sum of floats depends on its order. With sets, each run gives other bits:

        >>> (1e16 + 1.0) - 1e16, (1e16 - 1e16) + 1.0
        (0.0, 1.0)
        """
        order = self.history()
        for value in order:
            if value.parents:
                value.grad = 0.0
        self.grad += 1.0
        for value in reversed(order):
            for parent, slope in zip(value.parents, value.slopes, strict=True):
                parent.grad += slope * value.grad

"""`Bounded`: float64 values, each with how far a correct kernel may lie from it.

Running error analysis (Wilkinson 1963; Higham 2002, Accuracy and Stability of Numerical Algorithms,
section 3.3): beside each value travels a bound on its error, and each operation says what it does
to the errors of its operands (first-order slopes, made safe) and what its own rounding adds. So a
reference is the plain formula, and the bound of softmax or attention falls out of its steps.

What one operation may add is in `ULPS`. The numbers are those of honest float32 arithmetic on any
device, GPUs included, and they are the same for every backend: a bound is a property of the
formula. Leaves out: cancellation of errors that have one cause, so bounds are safe, never tight.
Read next: `oracle.py`, which judges by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Precision:
    """The arithmetic that is judged: unit roundoff, smallest normal number, largest number."""

    unit: float
    tiny: float
    largest: float


PRECISIONS = {
    name: Precision(float(info.eps) / 2, float(info.tiny), float(info.max))
    for name, info in (("float32", np.finfo(np.float32)), ("float64", np.finfo(np.float64)))
}

# Rounding errors in units of |result|·u, u half the distance from 1 to the next number.
ULPS = {
    "arithmetic": 2.0,  # + − ×: one rounding in the kernel, one in this float64 reference
    "div": 6.0,  # a reciprocal and a product are allowed, about 2.5 ulp
    "sqrt": 8.0,  # x·rsqrt(x) is allowed
    # eᵃ = 2^(a·log₂e): the product's rounding moves the exponent by |a|·u, hence 1 + |a| times:
    "exp": 8.0,
    # Near 1 the logarithm is 0 but its argument is known to u only: relative to 1 + |ln a|.
    "log": 8.0,
    # 1 − 2/(e²ᵃ + 1) is allowed: errors relative to 1, not to tanh a.
    "tanh": 8.0,
}


def growth(terms: float) -> float:
    """Roundings that a sum of so many terms may show, in units of Σ|terms|·u.

    They grow as n at worst and as √n in practice (Higham and Mary 2019, SIAM J. Sci. Comput. 41,
    A2815). A kernel that needs more than 8√n adds a very long row in a single lane.
    """
    return min(terms, 8.0 * sqrt(terms)) + 2.0


# reference(outs, *ins, **attrs) -> one answer per output; see `reference/elementwise.py`.
Reference = Callable[..., Any]


class Bounded:
    """An array of values and of bounds on their errors; broadcasting is numpy's."""

    __slots__ = ("error", "precision", "value")

    def __init__(self, value: Any, error: Any, precision: Precision) -> None:
        self.value = np.asarray(value, np.float64)
        self.precision = precision
        # inf and NaN are right or wrong, never near; they also end the error of what led to them.
        self.error = np.where(np.isfinite(self.value), error, 0.0)

    @classmethod
    def exact(cls, value: Any, precision: Precision) -> Bounded:
        return cls(value, 0.0, precision)

    def _number(self, other: Bounded | float) -> Bounded:
        """A constant of the formula, known to the kernel as its nearest number."""
        if isinstance(other, Bounded):
            return other
        unit = 0.0 if float(other).is_integer() else self.precision.unit  # whole: exact
        return Bounded(other, abs(other) * unit, self.precision)

    def _rounded(self, value: Any, carried: Any, ulps: Any, scale: Any = None) -> Bounded:
        """One operation: the errors it carries on, and its own, relative to `scale`."""
        scale = np.abs(value) if scale is None else scale
        reach = scale + carried
        # `tiny`: a device may flush what lies below the normal numbers to zero; 0 it leaves alone.
        own = ulps * self.precision.unit * reach + np.where(reach > 0, self.precision.tiny, 0.0)
        return Bounded(value, carried + own, self.precision)

    # --- arithmetic ---------------------------------------------------------------------------

    def __add__(self, other: Bounded | float) -> Bounded:
        b = self._number(other)
        return self._rounded(self.value + b.value, self.error + b.error, ULPS["arithmetic"])

    def __sub__(self, other: Bounded | float) -> Bounded:
        b = self._number(other)
        return self._rounded(self.value - b.value, self.error + b.error, ULPS["arithmetic"])

    def __mul__(self, other: Bounded | float) -> Bounded:
        b = self._number(other)
        carried = abs(self.value) * b.error + abs(b.value) * self.error + self.error * b.error
        return self._rounded(self.value * b.value, carried, ULPS["arithmetic"])

    def __truediv__(self, other: Bounded | float) -> Bounded:
        b = self._number(other)
        value = self.value / b.value
        nearest_to_zero = np.maximum(abs(b.value) - b.error, 0.0)
        carried = (self.error + abs(value) * b.error) / nearest_to_zero
        return self._rounded(value, carried, ULPS["div"])

    def __radd__(self, other: float) -> Bounded:
        return self + other

    def __rmul__(self, other: float) -> Bounded:
        return self * other

    def __rsub__(self, other: float) -> Bounded:
        return self._number(other) - self

    def __rtruediv__(self, other: float) -> Bounded:
        return self._number(other) / self

    def __neg__(self) -> Bounded:
        return Bounded(-self.value, self.error, self.precision)

    def or_as(self, other: Bounded) -> Bounded:
        """The same number by another order of operations: a kernel may err as either does."""
        return Bounded(self.value, np.maximum(self.error, other.error), self.precision)

    # --- functions ----------------------------------------------------------------------------

    def exp(self) -> Bounded:
        value = np.exp(self.value)
        carried = value * np.expm1(self.error)  # e^(a + e) − e^a
        scale = value * (1.0 + np.where(value > 0, abs(self.value), 0.0))
        return self._rounded(value, carried, ULPS["exp"], scale)

    def log(self) -> Bounded:
        value = np.log(self.value)
        relative = np.minimum(self.error / abs(self.value), 1.0)
        carried = -np.log1p(-relative)  # ln a − ln(a − e)
        return self._rounded(value, carried, ULPS["log"], 1.0 + abs(value))

    def sqrt(self) -> Bounded:
        value = np.sqrt(self.value)
        # |√(a ± e) − √a| ≤ e/√a, and ≤ √e where a is smaller than its error.
        carried = np.minimum(self.error / np.where(value > 0, value, np.inf), np.sqrt(self.error))
        carried = np.where(value > 0, carried, np.sqrt(self.error))
        return self._rounded(value, carried, ULPS["sqrt"])

    def tanh(self) -> Bounded:
        value = np.tanh(self.value)
        flattest = np.maximum(abs(self.value) - self.error, 0.0)
        steepest = 1.0 / np.cosh(np.minimum(flattest, 300.0)) ** 2  # the slope, at its largest
        near = self._rounded(value, self.error * steepest, ULPS["tanh"], 1.0)
        # Far out (twice as far as 1 − |tanh| = u) every form of tanh has reached ±1.
        flat = 2.0 * np.exp(-2.0 * flattest) < self.precision.unit**2
        return Bounded(np.where(flat, np.sign(value), value), near.error * ~flat, self.precision)

    # --- reductions and products --------------------------------------------------------------

    def sum(self, axis: int) -> Bounded:
        """Σ along an axis, which stays with length 1."""
        terms = growth(self.value.shape[axis])
        magnitude = _sum(abs(self.value) + self.error, axis)
        return self._rounded(_sum(self.value, axis), _sum(self.error, axis), terms, magnitude)

    def mean(self, axis: int) -> Bounded:
        return self.sum(axis) * (1.0 / self.value.shape[axis])

    def max(self, axis: int) -> Bounded:
        """The largest along an axis; it selects, so it rounds nothing."""
        error = self.error.max(axis=axis, keepdims=True)
        return Bounded(self.value.max(axis=axis, keepdims=True), error, self.precision)

    def __matmul__(self, other: Bounded) -> Bounded:
        """Error of each element: that of its sum of K products, growth(K)·u·(|A|@|B|)."""
        a, b = abs(self.value), abs(other.value)
        carried = a @ other.error + self.error @ b + self.error @ other.error
        value = self.value @ other.value
        return self._rounded(value, carried, growth(self.value.shape[-1]), a @ b)

    # --- movement: exact ----------------------------------------------------------------------

    def swapped(self) -> Bounded:
        """The last two axes exchanged."""
        return self.moved(lambda x: np.swapaxes(x, -1, -2))

    def reshape(self, shape: Sequence[int]) -> Bounded:
        return self.moved(lambda x: x.reshape(shape))

    def moved(self, move: Any) -> Bounded:
        """The same movement of values and errors."""
        spread = np.broadcast_to(self.error, self.value.shape)
        return Bounded(move(self.value), move(spread), self.precision)

    def chosen(self, mask: np.ndarray, other: Bounded | float) -> Bounded:
        """These where the mask is set, else those of `other`."""
        b = self._number(other)
        error = np.where(mask, self.error, b.error)
        return Bounded(np.where(mask, self.value, b.value), error, self.precision)


def _sum(x: np.ndarray, axis: int) -> np.ndarray:
    """numpy sums pairwise along the last axis of contiguous memory; along others it runs."""
    last = np.ascontiguousarray(np.moveaxis(x, axis, -1))
    return np.moveaxis(last.sum(axis=-1, keepdims=True), -1, axis)


def plain(x: Bounded | np.ndarray) -> np.ndarray:
    """The values of an operand, be it of floats or of ids."""
    return x.value if isinstance(x, Bounded) else x

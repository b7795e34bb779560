"""The judge and the error bounds, each against something simpler than itself."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from rinzler.conformance.bounded import PRECISIONS, Bounded, growth
from rinzler.conformance.oracle import judge

SINGLE = PRECISIONS["float32"]


def exact(values: object) -> Bounded:
    return Bounded.exact(values, SINGLE)


# --- the judge --------------------------------------------------------------------------------


def single(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_verdict_is_the_worst_element() -> None:
    want = np.array([1.0, 2.0, 3.0])
    verdict = judge(single(1.0, 2.5, 3.1), want, np.array([1.0, 1.0, 0.1]))
    assert verdict.index == (2,)
    assert verdict.ratio == pytest.approx(1.0, rel=1e-5)
    assert verdict.bound == 0.1


def test_one_wrong_element_in_a_million_is_found() -> None:
    want = np.zeros(1_000_000)
    got = want.astype(np.float32)
    got[123_456] = 0.3
    verdict = judge(got, want, np.full(want.shape, 1e-5))
    assert not verdict.ok
    assert verdict.index == (123_456,)


@pytest.mark.parametrize("bound", [None, 1.0])
@pytest.mark.parametrize(
    ("got", "want", "ok"),
    [
        (nan, nan, True),
        (inf, inf, True),
        (-inf, -inf, True),
        (nan, 0.0, False),
        (0.0, nan, False),
        (inf, -inf, False),
        (inf, nan, False),
        (1e30, inf, False),
        (inf, 1e30, False),
    ],
)
def test_nan_and_inf_are_right_or_wrong(
    got: float, want: float, ok: bool, bound: float | None
) -> None:
    bounds = None if bound is None else np.full(1, bound)
    assert judge(single(got), np.array([want]), bounds).ok is ok


def test_a_signalling_nan_is_wrong_without_a_warning() -> None:
    got = np.array([0x7F800001], np.uint32).view(np.float32)
    assert judge(got, np.zeros(1), np.ones(1)).ratio == inf


def test_bit_for_bit_tells_the_zeros_apart() -> None:
    assert not judge(single(-0.0), np.array([0.0]), None).ok
    assert judge(single(-0.0), np.array([-0.0]), None).ok
    assert judge(single(-0.0), np.array([0.0]), np.zeros(1)).ok


def test_integers_are_judged_bit_for_bit() -> None:
    assert judge(np.array([7], np.int32), np.array([7]), None).ok
    assert not judge(np.array([7], np.int32), np.array([8]), None).ok


def test_a_wrong_shape_fails_and_no_elements_pass() -> None:
    assert not judge(single(1.0), np.zeros((1, 1)), np.ones(1)).ok
    assert judge(single(), np.zeros(0), None).ok


def test_a_verdict_says_where_and_by_how_much() -> None:
    verdict = judge(np.full((2, 3), 1.0, np.float32), np.eye(2, 3), np.full((2, 3), 1e-6))
    assert str(verdict) == "[0, 1] is 1.0, expected 0.0 ± 1e-06"


# --- the bounds -------------------------------------------------------------------------------


def test_growth_is_n_for_short_sums_and_a_root_for_long_ones() -> None:
    assert growth(1) == 3.0
    assert growth(64) == 66.0
    assert growth(10_000) == 802.0


FORMULAS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "rsub": lambda a, b: 2.5 - a * b,
    "rdiv": lambda a, b: 1.5 / (a + 3.0),
    "exp": lambda a, b: (a * b).exp(),
    "log": lambda a, b: (a * a + b * b).log(),
    "sqrt": lambda a, b: (a * a + b * b).sqrt(),
    "tanh": lambda a, b: (a + b).tanh(),
    "sum": lambda a, b: (a * b).sum(axis=1),
    "mean": lambda a, b: (a - b).mean(axis=0),
    "max": lambda a, b: (a * b).max(axis=1),
    "matmul": lambda a, b: a @ b.swapped(),
    "negative": lambda a, b: -(a * b),
    "chosen": lambda a, b: (a * b).chosen(a.value > 0, 0.1),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_bound_covers_every_value_that_its_operands_may_have(name: str) -> None:
    """Move the operands anywhere within their errors: the result stays within its own."""
    rng = np.random.default_rng(sum(name.encode()))
    values = [rng.uniform(0.5, 1.5, (7, 5)) * rng.choice([-1, 1], (7, 5)) for _ in range(2)]
    errors = [10.0 ** rng.uniform(-7, -1.5, (7, 5)) for _ in range(2)]
    operands = [Bounded(v, e, SINGLE) for v, e in zip(values, errors, strict=True)]
    result = FORMULAS[name](*operands)
    for _ in range(200):
        moved = [v + e * rng.choice([-1, 1], v.shape) for v, e in zip(values, errors, strict=True)]
        other = FORMULAS[name](*[exact(v) for v in moved])
        if name == "chosen":
            other = FORMULAS["mul"](*[exact(v) for v in moved]).chosen(values[0] > 0, 0.1)
        assert (abs(other.value - result.value) <= result.error).all()


@pytest.mark.parametrize("name", FORMULAS)
def test_float32_arithmetic_stays_within_the_bound(name: str) -> None:
    """The formula in float32, by numpy: a second opinion on what one operation may round."""
    rng = np.random.default_rng(sum(name.encode()))
    values = [rng.standard_normal((129, 33)).astype(np.float32) for _ in range(2)]
    result = FORMULAS[name](*[exact(v) for v in values])
    singles = FORMULAS[name](*[SingleArithmetic(v) for v in values])
    assert judge(singles.value, result.value, result.error).ok


class SingleArithmetic:
    """The operations of `Bounded`, done in float32."""

    def __init__(self, value: np.ndarray) -> None:
        assert value.dtype == np.float32
        self.value = value

    def _of(self, other: object) -> np.ndarray | np.float32:
        return other.value if isinstance(other, SingleArithmetic) else np.float32(other)

    def __add__(self, other: object) -> SingleArithmetic:
        return SingleArithmetic(self.value + self._of(other))

    def __sub__(self, other: object) -> SingleArithmetic:
        return SingleArithmetic(self.value - self._of(other))

    def __mul__(self, other: object) -> SingleArithmetic:
        return SingleArithmetic(self.value * self._of(other))

    def __truediv__(self, other: object) -> SingleArithmetic:
        return SingleArithmetic(self.value / self._of(other))

    def __rsub__(self, other: float) -> SingleArithmetic:
        return SingleArithmetic(np.float32(other) - self.value)

    def __rtruediv__(self, other: float) -> SingleArithmetic:
        return SingleArithmetic(np.float32(other) / self.value)

    def __neg__(self) -> SingleArithmetic:
        return SingleArithmetic(-self.value)

    def __matmul__(self, other: SingleArithmetic) -> SingleArithmetic:
        return SingleArithmetic(self.value @ other.value)

    def exp(self) -> SingleArithmetic:
        return SingleArithmetic(np.exp(self.value))

    def log(self) -> SingleArithmetic:
        return SingleArithmetic(np.log(self.value))

    def sqrt(self) -> SingleArithmetic:
        return SingleArithmetic(np.sqrt(self.value))

    def tanh(self) -> SingleArithmetic:
        return SingleArithmetic(np.tanh(self.value))

    def sum(self, axis: int) -> SingleArithmetic:
        return SingleArithmetic(self.value.sum(axis=axis, keepdims=True))

    def mean(self, axis: int) -> SingleArithmetic:
        return SingleArithmetic(self.value.mean(axis=axis, keepdims=True))

    def max(self, axis: int) -> SingleArithmetic:
        return SingleArithmetic(self.value.max(axis=axis, keepdims=True))

    def swapped(self) -> SingleArithmetic:
        return SingleArithmetic(self.value.T)

    def chosen(self, mask: np.ndarray, other: float) -> SingleArithmetic:
        return SingleArithmetic(np.where(mask, self.value, np.float32(other)))


def test_what_is_not_finite_has_no_error() -> None:
    with np.errstate(all="ignore"):
        result = exact([1.0, 0.0, inf]) / exact([0.0, 0.0, 2.0])
    assert np.array_equal(result.error, [0.0, 0.0, 0.0])


def test_a_saturated_tanh_is_exact() -> None:
    result = exact([50.0, -50.0, 1.0]).tanh()
    assert list(result.value[:2]) == [1.0, -1.0]
    assert list(result.error[:2]) == [0.0, 0.0]
    assert result.error[2] > 0

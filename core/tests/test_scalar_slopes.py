"""The slopes of rung 1 against two judges: central differences and complex steps.

Every gradient here is taken of `c * y` with a random c. With an upstream gradient of 1 a rule that
divides by it where it should multiply would pass.
"""

from __future__ import annotations

import cmath
import inspect
import math
import random
from collections.abc import Callable

import pytest

from rinzler.scalar import Value

Formula = Callable[..., Value]


def function(name: str) -> Callable:
    """exp, log, tanh or relu of a Value, a float or a complex number."""

    def apply(x: Value | complex) -> Value | complex:
        if isinstance(x, Value):
            return getattr(x, name)()
        if name == "relu":
            return x if x.real > 0 else 0.0 * x
        return getattr(cmath if isinstance(x, complex) else math, name)(x)

    return apply


exp, log, tanh, relu = map(function, ("exp", "log", "tanh", "relu"))


def gradients(formula: Formula, point: list[float], upstream: float) -> list[float]:
    leaves = [Value(x) for x in point]
    (formula(*leaves) * upstream).backward()
    return [leaf.grad for leaf in leaves]


def complex_steps(formula: Formula, point: list[float], upstream: float) -> list[float]:
    """Im f(x + ih) / h: no difference is taken, so nothing cancels (Squire and Trapp 1998)."""
    h = 1e-200
    steps = []
    for i in range(len(point)):
        moved = [complex(x, h if j == i else 0.0) for j, x in enumerate(point)]
        steps.append(upstream * complex(formula(*moved)).imag / h)
    return steps


def central_differences(formula: Formula, point: list[float], upstream: float) -> list[float]:
    h = 1e-5
    slopes = []
    for i in range(len(point)):
        above = formula(*[x + h * (j == i) for j, x in enumerate(point)])
        below = formula(*[x - h * (j == i) for j, x in enumerate(point)])
        slopes.append(upstream * (above - below) / (2 * h))
    return slopes


def worst_relative(got: list[float], want: list[float]) -> float:
    return max(abs(a - b) / (1.0 + abs(b)) for a, b in zip(got, want, strict=True))


# Each op with a range for its operands, well inside its domain.
ONE_OP: dict[str, tuple[Formula, tuple[float, float]]] = {
    "add": (lambda a, b: a + b, (-3, 3)),
    "add itself": (lambda a: a + a, (-3, 3)),
    "add number": (lambda a: a + 2, (-3, 3)),
    "number add": (lambda a: 2 + a, (-3, 3)),
    "sub": (lambda a, b: a - b, (-3, 3)),
    "sub number": (lambda a: a - 2.5, (-3, 3)),
    "number sub": (lambda a: 2.5 - a, (-3, 3)),
    "mul": (lambda a, b: a * b, (-3, 3)),
    "mul itself": (lambda a: a * a, (-3, 3)),
    "mul number": (lambda a: a * 3, (-3, 3)),
    "number mul": (lambda a: 3 * a, (-3, 3)),
    "div": (lambda a, b: a / b, (0.5, 3)),
    "div negative": (lambda a, b: a / b, (-3, -0.5)),
    "div number": (lambda a: a / 4, (-3, 3)),
    "number div": (lambda a: 2 / a, (0.5, 3)),
    "pow 2": (lambda a: a**2, (-3, 3)),
    "pow 3": (lambda a: a**3, (-3, 3)),
    "pow 1": (lambda a: a**1, (-3, 3)),
    "pow 0": (lambda a: a**0, (-3, 3)),
    "pow -2": (lambda a: a**-2, (-3, -0.5)),
    "pow 0.5": (lambda a: a**0.5, (0.5, 3)),
    "pow -1.7": (lambda a: a**-1.7, (0.5, 3)),
    "pow Value": (lambda a, b: a**b, (0.5, 3)),
    "number pow": (lambda a: 2**a, (-3, 3)),
    "neg": (lambda a: -a, (-3, 3)),
    "exp": (exp, (-3, 3)),
    "log": (log, (0.5, 3)),
    "tanh": (tanh, (-3, 3)),
    "relu above": (relu, (0.1, 3)),
    "relu below": (relu, (-3, -0.1)),
}


@pytest.mark.parametrize("name", ONE_OP)
def test_each_op_and_its_slopes(name: str) -> None:
    formula, (low, high) = ONE_OP[name]
    operands = len(inspect.signature(formula).parameters)
    rng = random.Random(name)
    for _ in range(50):
        point = [rng.uniform(low, high) for _ in range(operands)]
        upstream = rng.choice([-1, 1]) * rng.uniform(0.3, 3)
        assert formula(*map(Value, point)).data == pytest.approx(formula(*point), rel=1e-14)
        got = gradients(formula, point, upstream)
        assert worst_relative(got, complex_steps(formula, point, upstream)) < 1e-12
        assert worst_relative(got, central_differences(formula, point, upstream)) < 1e-7


STEPS: list[Formula] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (b * b + 1),
    lambda a, b: (a * a + 0.5) ** tanh(b),
    lambda a, b: 0.5 - 2 / (a**2 + b**2 + 1),
    lambda a, b: relu(a) - b**3 / 8,
    lambda a, b: exp(tanh(a)) * -b,
    lambda a, b: log(a * a + b * b + 0.1),
]


class RandomProgram:
    """A seeded chain of steps, each on two earlier results: most values are used many times."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.upstream = rng.choice([-1, 1]) * rng.uniform(0.3, 3)
        self.draw(rng)
        while not self.is_smooth():
            self.draw(rng)

    def draw(self, rng: random.Random) -> None:
        self.point = [rng.uniform(-1.5, 1.5) for _ in range(rng.randint(1, 4))]
        self.steps = []
        for known in range(len(self.point), len(self.point) + rng.randint(3, 25)):
            self.steps.append((rng.choice(STEPS), rng.randrange(known), rng.randrange(known)))

    def trace(self, *point: complex) -> list:
        values = list(point)
        for step, i, j in self.steps:
            values.append(step(values[i], values[j]))
        return values

    def __call__(self, *point: complex) -> complex:
        return self.trace(*point)[-1]

    def is_smooth(self) -> bool:
        """Far from the corner of relu, where no difference quotient is right, and not huge."""
        return all(1e-3 < abs(value) < 10 for value in self.trace(*self.point))


@pytest.mark.parametrize("seed", range(300))
def test_random_formulas(seed: int) -> None:
    program = RandomProgram(seed)
    got = gradients(program, program.point, program.upstream)
    steps = complex_steps(program, program.point, program.upstream)
    differences = central_differences(program, program.point, program.upstream)
    scale = 1.0 + max(map(abs, steps))
    assert max(abs(a - b) for a, b in zip(got, steps, strict=True)) <= 1e-10 * scale
    assert max(abs(a - b) for a, b in zip(got, differences, strict=True)) <= 1e-4 * scale

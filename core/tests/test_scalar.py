"""The rules of rung 1: order, memory, errors, NaN, and a net that learns.

Its slopes have a file of their own: `test_scalar_slopes.py`.
"""

from __future__ import annotations

import doctest
import gc
import math
import operator
import os
import random
import subprocess
import sys
from collections.abc import Callable

import pytest

import rinzler.scalar
from rinzler.errors import DtypeError, NumericsError
from rinzler.scalar import Value

Formula = Callable[[Value], Value]


def test_a_value_used_many_times_collects_every_share() -> None:
    x = Value(1.5)
    y = x
    for _ in range(9):
        y = y * x + y
    (y * -0.7).backward()  # y = x (x + 1)⁹
    assert x.grad == pytest.approx(-0.7 * (2.5**9 + 9 * 1.5 * 2.5**8), rel=1e-13)


def test_backward_adds_to_leaves_and_starts_afresh_in_between() -> None:
    x, y = Value(2.0), Value(3.0)
    product = x * y
    twice = product * 2
    twice.backward()
    twice.backward()
    assert (x.grad, y.grad) == (12.0, 8.0)
    assert (product.grad, twice.grad) == (2.0, 1.0)
    (product * 10).backward()  # another formula over the same values
    assert (x.grad, y.grad, product.grad) == (42.0, 28.0, 10.0)
    leaf = Value(5)
    leaf.backward()
    leaf.backward()
    assert leaf.grad == 2.0


def test_history_lists_parents_first_and_each_value_once() -> None:
    x, y = Value(2.0), Value(3.0)
    z = (x * y + x).tanh() - y
    order = z.history()
    assert len(order) == len(set(order)) == 6
    assert order[-1] is z
    for value in order:
        assert all(order.index(parent) < order.index(value) for parent in value.parents)


HASH_OF_GRADIENTS = """
import hashlib, random, struct
from rinzler.scalar import Value
junk = [object() for _ in range(hash("moves the addresses") % 4096)]
rng = random.Random(5)
values = leaves = [Value(rng.uniform(-1, 1)) for _ in range(8)]
for _ in range(400):
    a, b = rng.choice(values), rng.choice(values)
    junk.append(bytearray(hash(str(len(values))) % 500))
    values = [*values, rng.choice([a * b, a + b, (a - b).tanh(), a.relu() - b, (a * b).exp()])]
    values[-1] = values[-1] / (values[-1] ** 2 + 1)
sum(values[1:], values[0]).backward()
bits = b"".join(struct.pack("<d", leaf.grad) for leaf in leaves)
print(hashlib.sha256(bits).hexdigest())
"""


def run_python(program: str, hash_seed: str = "0") -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_same_gradient_bits_in_every_process() -> None:
    hashes = {run_python(HASH_OF_GRADIENTS, seed) for seed in ("0", "1", "42", "1234567")}
    assert len(hashes) == 1


def test_importing_the_rung_does_not_import_numpy() -> None:
    assert run_python("import sys, rinzler.scalar; print('numpy' in sys.modules)") == "False"


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_a_deep_formula_is_walked_and_freed(depth: int) -> None:
    program = f"""
from rinzler.scalar import Value
x = Value(0.5)
y = x
for _ in range({depth}):
    y = y + x
y.backward()
print(x.grad)
del y
print("freed")
"""
    assert run_python(program).split() == [f"{depth + 1:.1f}", "freed"]


def test_a_formula_leaves_nothing_behind_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = Value(0.5)
        y = ((x * x).exp() - 2 / (x + 1) ** x).tanh().relu()
        y.backward()
        del y
        assert [value for value in gc.get_objects() if isinstance(value, Value)] == [x]
    finally:
        gc.enable()


def test_repr_shows_number_gradient_and_op() -> None:
    x = Value(2)
    y = x * 3
    assert repr(y) == "Value(data=6.0, grad=0.0, op='*')"
    y.backward()
    assert repr(x) == "Value(data=2.0, grad=3.0)"
    ops = [x + 1, x - 1, x / 1, x**2, -x, x.exp(), x.log(), x.tanh(), x.relu()]
    assert [y.op for y in ops] == ["+", "-", "/", "** 2", "neg", "exp", "log", "tanh", "relu"]


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (
            lambda x: x.log(),
            r"^log\(0\.0\) is no finite real .*: log needs more than 0; try \(x \+",
        ),
        (lambda x: (x - 1).log(), r"^log\(-1\.0\) is no finite real number"),
        (
            lambda x: 3 / x,
            r"^truediv\(3\.0, 0\.0\) is no finite real number: try a / \(b \+ 1e-9\)",
        ),
        (lambda x: x / 0, r"^truediv\(0\.0, 0\.0\)"),
        (lambda x: x**-1, r"^pow\(0\.0, -2\) is no finite .*: a \*\* n and its slope"),
        (lambda x: x**0.5, r"^pow\(0\.0, -0\.5\) is no finite .* must be real and fit a float"),
        (lambda x: (x - 8) ** 0.5, r"^pow\(-8\.0, -0\.5\)"),
        (lambda x: (x + 10) ** 400, r"^pow\(10\.0, 399\)"),
        (lambda x: x**x, r"^log\(0\.0\)"),
        (lambda x: (x - 2) ** Value(2), r"^log\(-2\.0\)"),
        (lambda x: (x + 1000).exp(), r"^exp\(1000\.0\) .*: it takes at most 709.78; scale it down"),
    ],
)
def test_what_no_real_number_answers_is_an_error(formula: Formula, message: str) -> None:
    with pytest.raises(NumericsError, match=message) as caught:
        formula(Value(0.0))
    assert isinstance(caught.value.__cause__, (ValueError, ZeroDivisionError, OverflowError))


@pytest.mark.parametrize("stranger", ["2", None, [1.0], object(), 1j])
def test_a_stranger_as_operand_is_a_type_error(stranger: object) -> None:
    with pytest.raises(
        DtypeError, match=r"^Value\(data\) takes an int or a float, got .*; try flo"
    ):
        Value(stranger)
    x = Value(2.0)
    for op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        with pytest.raises(TypeError, match="Value"):
            op(x, stranger)
        with pytest.raises(TypeError, match="Value"):
            op(stranger, x)


NAN_GOES_THROUGH: list[Formula] = [
    lambda x: x.relu(),
    lambda x: x.tanh(),
    lambda x: x.exp(),
    lambda x: x.log(),
    lambda x: x**2,
    lambda x: x * 2 - 1 / x,
    lambda x: (-x).relu() + 1,
]


@pytest.mark.parametrize("formula", NAN_GOES_THROUGH)
def test_nan_in_nan_out_and_nan_as_gradient(formula: Formula) -> None:
    x = Value(math.nan)
    y = formula(x)
    y.backward()
    assert math.isnan(y.data)
    assert math.isnan(x.grad)


@pytest.mark.parametrize("a", [0.0, -0.0, -5e-324, -math.inf])
def test_relu_at_and_below_zero(a: float) -> None:
    x = Value(a)
    y = x.relu()
    y.backward()
    assert math.copysign(1, y.data) == 1.0
    assert (y.data, x.grad) == (0.0, 0.0)


@pytest.mark.parametrize("base", [0.0, -2.0, 3.0])
def test_a_power_of_zero_is_the_constant_one(base: float) -> None:
    x = Value(base)
    y = x**0
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)


def test_the_examples_in_the_docstrings() -> None:
    result = doctest.testmod(rinzler.scalar)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_net_of_two_layers_learns_xor(seed: int) -> None:
    rng = random.Random(seed)
    hidden = [[Value(rng.gauss(0, 0.7)) for _ in range(3)] for _ in range(4)]
    out = [Value(rng.gauss(0, 0.7)) for _ in range(5)]
    parameters = [w for unit in [*hidden, out] for w in unit]

    def answer(a: float, b: float) -> Value:
        features = [(w[0] * a + w[1] * b + w[2]).tanh() for w in hidden]
        total = out[4]
        for w, feature in zip(out[:4], features, strict=True):
            total = total + w * feature
        return total

    table = [(-1, -1, -1), (-1, 1, 1), (1, -1, 1), (1, 1, -1)]
    for _ in range(200):
        loss = sum(((answer(a, b) - want) ** 2 for a, b, want in table), Value(0))
        for parameter in parameters:
            parameter.grad = 0.0
        loss.backward()
        for parameter in parameters:
            parameter.data -= 0.05 * parameter.grad
    assert loss.data < 1e-4
    assert all(answer(a, b).data * want > 0.99 for a, b, want in table)

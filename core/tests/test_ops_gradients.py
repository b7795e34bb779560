"""Every gradient of the op table against central differences, in float64, to 1e-6 relative.

The upstream gradient is random: with ones a rule that mixes up × and ÷ may pass. Shapes are odd and
unequal, so that a transposition shows. Each rule is asked in every way that the engine asks: for
all operands, for one alone, into a slot that already holds a gradient, and for an operand that
something else has used as well; by fused kernels and by core's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

from rinzler import Tensor, no_grad
from rinzler.ops import OPS
from rinzler.tensor import apply

pytestmark = pytest.mark.usefixtures("fused_or_not")
ROWWISE = ("sum_rows", "sum_cols", "softmax", "log_softmax")
H = 1e-3  # step of the differences; of fourth order, so they are good to 1e-10 or so


@dataclass(frozen=True)
class Example:
    """One call of one row: arrays (or None) and attributes."""

    op: str
    ins: tuple[np.ndarray | None, ...]
    attrs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = "-".join("none" if x is None else "x".join(map(str, x.shape)) for x in self.ins)
        return f"{self.op}-{shapes}" + "".join(f"-{value}" for value in self.attrs.values())


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng([len(shape), *shape]).standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return np.exp(normal(*shape))


def apart(*shape: int) -> np.ndarray:
    """Numbers 0.1 apart in random order, none near 0: no kink within reach of a difference."""
    count = int(np.prod(shape))
    order = np.random.default_rng([count, *shape]).permutation(count)
    return (0.1 * (order - count // 2) + 0.03).reshape(shape)


def ids(high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng([high, *shape]).integers(0, high, shape).astype(np.int32)


def mask(*shape: int) -> np.ndarray:
    return ids(2, *shape).astype(np.float64)


def matmuls() -> Iterator[Example]:
    for batch in ((), (3,)):
        for ta, tb in ((False, False), (False, True), (True, False), (True, True)):
            a = normal(*batch, 5, 3) if ta else normal(*batch, 3, 5)
            b = normal(*batch, 4, 5) if tb else normal(*batch, 5, 4)
            yield Example("matmul", (a, b), {"ta": ta, "tb": tb, "accumulate": False})


EXAMPLES = [
    *(Example(op, (normal(5, 7), normal(7, 5).T)) for op in ("add", "sub", "mul")),
    *(Example(op, (normal(5, 3), normal(1))) for op in ("add", "sub", "mul")),
    Example("div", (normal(3, 5), positive(5, 3).T)),
    Example("div", (normal(3, 5), positive(1))),
    Example("maximum", (apart(5, 7), apart(7, 5).T + 0.04)),
    Example("maximum", (apart(7), np.array([0.3]))),
    Example("exp", (normal(3, 5),)),
    Example("log", (positive(3, 5),)),
    Example("sqrt", (positive(3, 5),)),
    Example("tanh", (normal(3, 5),)),
    Example("gelu", (3.0 * normal(5, 7),)),
    Example("relu", (apart(5, 7),)),
    Example("where", (mask(3, 5), normal(3, 5), normal(5, 3).T)),
    Example("where", (mask(7), normal(1), normal(7))),
    Example("where", (mask(7), normal(7), normal(1, 1))),
    *(Example(op, (normal(3, 7),)) for op in ROWWISE),
    *(Example(op, (normal(7, 1),)) for op in ROWWISE),
    Example("max_rows", (apart(5, 7),)),
    Example("max_rows", (apart(7, 1),)),
    Example("sumsq", (normal(3, 2, 5),)),
    Example("permute", (normal(3, 5),), {"axes": (1, 0)}),
    Example("permute", (normal(2, 3, 4, 5),), {"axes": (2, 0, 3, 1)}),
    Example("expand", (normal(3, 1),), {"shape": (3, 5)}),
    Example("expand", (normal(3),), {"shape": (5, 3)}),
    Example("expand", (normal(2, 1, 3, 1),), {"shape": (2, 5, 3, 2)}),
    Example("expand", (normal(1, 1),), {"shape": (3, 5)}),
    Example("expand", (np.array(0.7),), {"shape": (7,)}),
    Example("slice", (normal(5, 7),), {"starts": (1, 2), "shape": (3, 4)}),
    Example("slice", (normal(2, 3, 5),), {"starts": (1, 0, 4), "shape": (1, 3, 1)}),
    Example("place", (normal(3, 4),), {"starts": (1, 2), "shape": (5, 7)}),
    Example("concat", (normal(3, 5), normal(3, 1), normal(3, 2)), {"axis": 1}),
    Example("concat", (normal(2, 3), normal(4, 3)), {"axis": 0}),
    *matmuls(),
    *(Example(op, (normal(3, 5), normal(5, 2), normal(2))) for op in ("linear", "linear_gelu")),
    *(Example(op, (normal(1, 3), normal(3, 4), None)) for op in ("linear", "linear_gelu")),
    Example("take_rows", (normal(5, 3), ids(5, 7))),
    Example("take_rows", (normal(7, 2), ids(3, 2, 5))),
    Example("layer_norm", (normal(5, 7), normal(7), normal(7)[::-1].copy()), {"eps": 1e-5}),
    Example("layer_norm", (normal(3, 2), normal(2), None), {"eps": 0.1}),
    Example("attention", (normal(1, 1, 3),), {"heads": 1}),
    Example("attention", (normal(2, 5, 18),), {"heads": 2}),
    Example("attention", (normal(1, 7, 9),), {"heads": 3}),
    Example("cross_entropy", (normal(3, 7), ids(7, 3))),
    Example("cross_entropy", (normal(7, 3), ids(3, 7))),
    Example("cross_entropy", (normal(5, 1), ids(1, 5))),
]


def test_every_row_with_a_gradient_is_here() -> None:
    assert {example.op for example in EXAMPLES} == {row.name for row in OPS.values() if row.vjp}


def differentiable(example: Example) -> list[int]:
    """Operands that take a gradient: floats, but for the mask of `where`."""
    skip = 1 if example.op == "where" else 0
    floats = [host is not None and host.dtype.kind == "f" for host in example.ins]
    return [k for k, is_float in enumerate(floats) if is_float and k >= skip]


def leaves_of(example: Example, wanted: list[int]) -> list[Tensor | None]:
    return [
        None if host is None else Tensor(host, requires_grad=k in wanted)
        for k, host in enumerate(example.ins)
    ]


def upstream_of(y: Tensor) -> np.ndarray:
    return np.random.default_rng([17, *y.shape]).standard_normal(y.shape)


def differences(value: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """∂value/∂at by central differences of fourth order, one element after the other."""
    slope = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        for steps, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = at.copy()
            moved[index] += steps * H
            slope[index] += weight * value(moved) / (12 * H)
    return slope


@cache
def slopes(position: int) -> dict[int, np.ndarray]:
    """What the gradients of EXAMPLES[position] should be, by operand."""
    example = EXAMPLES[position]
    found = {}
    for k in differentiable(example):

        def value(moved: np.ndarray, k: int = k) -> float:
            ins = [moved if index == k else host for index, host in enumerate(example.ins)]
            tensors = [None if x is None else Tensor(x) for x in ins]
            with no_grad():
                y = apply(example.op, *tensors, **example.attrs)
            return float((y.numpy() * upstream_of(y)).sum())

        found[k] = differences(value, np.asarray(example.ins[k]))
    return found


def same(got: Tensor | None, want: np.ndarray) -> None:
    """Within 1e-6 of each element; of 1e-3 of the largest where an element is smaller than that."""
    assert got is not None
    assert got.shape == want.shape
    allowed = 1e-6 * np.maximum(abs(want), 1e-3 * abs(want).max(initial=1e-3))
    worst = (abs(got.numpy() - want) / allowed).max(initial=0.0)
    assert worst <= 1.0, f"{worst:.3g} times what is allowed\n{got.numpy()}\n{want}"


positions = pytest.mark.parametrize(
    "position", range(len(EXAMPLES)), ids=[str(example) for example in EXAMPLES]
)


@positions
def test_gradients_are_the_slopes(position: int) -> None:
    example = EXAMPLES[position]
    wanted = differentiable(example)
    leaves = leaves_of(example, wanted)
    y = apply(example.op, *leaves, **example.attrs)
    y.backward(Tensor(upstream_of(y)))
    for k in wanted:
        same(leaves[k].grad, slopes(position)[k])


@positions
def test_one_operand_alone_takes_the_same_gradient(position: int) -> None:
    example = EXAMPLES[position]
    for k in differentiable(example):
        leaves = leaves_of(example, [k])
        y = apply(example.op, *leaves, **example.attrs)
        y.backward(Tensor(upstream_of(y)))
        same(leaves[k].grad, slopes(position)[k])
        others = [leaf for index, leaf in enumerate(leaves) if index != k and leaf is not None]
        assert all(leaf.grad is None for leaf in others)


@positions
def test_a_gradient_that_is_there_is_added_to(position: int) -> None:
    example = EXAMPLES[position]
    wanted = differentiable(example)
    leaves = leaves_of(example, wanted)
    before = {k: normal(*leaves[k].shape) + 3.0 for k in wanted}
    for k in wanted:
        leaves[k].grad = Tensor(before[k])
    y = apply(example.op, *leaves, **example.attrs)
    g = Tensor(upstream_of(y))
    y.backward(g)
    for k in wanted:
        same(Tensor(leaves[k].grad.numpy() - before[k]), slopes(position)[k])
    assert np.array_equal(g.numpy(), upstream_of(y))  # the caller's own array is left alone


@positions
def test_an_operand_that_has_other_users_sums_their_gradients(position: int) -> None:
    """The operand is 2·leaf, and used by one op before and one after: the rule meets a slot."""
    example = EXAMPLES[position]
    wanted = differentiable(example)
    halves = leaves_of(example, [])
    for k in wanted:
        halves[k] = Tensor(example.ins[k] / 2.0, requires_grad=True)
    operands = [x * 2.0 if k in wanted else x for k, x in enumerate(halves)]
    early = {k: operands[k] * 0.5 for k in wanted}
    y = apply(example.op, *operands, **example.attrs)
    late = {k: operands[k] * 3.0 for k in wanted}
    total = (y * Tensor(upstream_of(y))).sum()
    for k in wanted:
        total = total + early[k].sum() + late[k].sum()
    total.backward()
    for k in wanted:
        same(halves[k].grad, 2.0 * slopes(position)[k] + 7.0)

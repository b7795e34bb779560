"""Gradients of what `Tensor` composes from rows: broadcasting, reductions, indexing, layers.

Each formula is checked against central differences in float64 with a random upstream gradient, by
fused kernels and by core's defaults, and its values against numpy's for the same formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

import rinzler as rz
from rinzler import Tensor, no_grad

pytestmark = pytest.mark.usefixtures("fused_or_not")
H = 1e-3


@dataclass(frozen=True)
class Formula:
    """The same formula in tensors and in numpy, and the shapes it is tried on."""

    tensors: Callable[..., Tensor]
    arrays: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]


IDS = np.array([[4, 0, 4], [1, 4, 0]])  # 4 and 0 repeat
TARGETS = np.array([[2, 0, 2], [6, 1, 2]])
MASK = np.array([[1.0, 0.0, 1.0, 1.0, 0.0]])


def np_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def np_layer_norm(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * w + b


def np_gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def np_cross_entropy(x: np.ndarray) -> np.ndarray:
    rows = np_softmax(x, -1).reshape(-1, x.shape[-1])
    return -np.log(rows[np.arange(len(rows)), TARGETS.reshape(-1)]).mean()


def reductions() -> dict[str, Formula]:
    """sum, mean and max over one axis, several, all, none from the end, kept or not."""
    found = {}
    for name in ("sum", "mean", "max"):
        for axis in (None, 0, 1, -1, (0, 2), (1, 2), (-3, 1), (0, 1, 2)):
            for keep in (False, True):

                def tensors(
                    x: Tensor, name: str = name, axis: Any = axis, keep: bool = keep
                ) -> Any:
                    return getattr(x, name)(axis=axis, keepdims=keep)

                def arrays(x: Any, name: str = name, axis: Any = axis, keep: bool = keep) -> Any:
                    return getattr(np, name)(x, axis=axis, keepdims=keep)

                key = f"{name}-{axis}" + ("-kept" if keep else "")
                found[key] = Formula(tensors, arrays, ((3, 5, 7),))
    return found


PAIRS = [
    ((5, 7), (7,)),
    ((7,), (5, 7)),
    ((5, 1), (1, 7)),
    ((), (5, 7)),
    ((5, 7), ()),
    ((1, 1), (7,)),
    ((3, 5, 7), (5, 1)),
    ((3, 1, 7), (1, 5, 1)),
    ((1,), (1, 1)),
]


def broadcasts() -> dict[str, Formula]:
    """+ − × ÷ and maximum between shapes that repeat along front, middle and last axes."""
    both: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
        "add": (lambda a, b: a + b,) * 2,
        "sub": (lambda a, b: a - b,) * 2,
        "mul": (lambda a, b: a * b,) * 2,
        "div": (lambda a, b: a / (b * b + 1.0),) * 2,
        "maximum": (lambda a, b: a.maximum(b), np.maximum),
    }
    return {
        f"{name}-{'x'.join(map(str, a))}-{'x'.join(map(str, b))}": Formula(*formulas, (a, b))
        for name, formulas in both.items()
        for a, b in PAIRS
    }


FORMULAS = {
    **reductions(),
    **broadcasts(),
    "number-minus": Formula(lambda x: 2.0 - x, lambda x: 2.0 - x, ((5,),)),
    "number-over": Formula(lambda x: 2.0 / (x * x + 1), lambda x: 2.0 / (x * x + 1), ((5,),)),
    "negative": Formula(lambda x: -x, lambda x: -x, ((5,),)),
    "cube": Formula(lambda x: x**3, lambda x: x**3, ((5,),)),
    "fifth": Formula(lambda x: x**5, lambda x: x**5, ((5,),)),
    "root": Formula(lambda x: (x * x + 1) ** 0.5, lambda x: (x * x + 1) ** 0.5, ((5,),)),
    "power-1.5": Formula(lambda x: (x * x + 1) ** 1.5, lambda x: (x * x + 1) ** 1.5, ((5,),)),
    "power-minus-2": Formula(lambda x: (x * x + 1) ** -2, lambda x: (x * x + 1) ** -2.0, ((5,),)),
    "itself-twice": Formula(
        lambda x: x * x + x / (x * x + 2), lambda x: x * x + x / (x * x + 2), ((5,),)
    ),
    "slice": Formula(lambda x: x[1:, 2:5], lambda x: x[1:, 2:5], ((5, 7),)),
    "slice-from-the-end": Formula(lambda x: x[-2:, :-3], lambda x: x[-2:, :-3], ((5, 7),)),
    "index": Formula(lambda x: x[1, -1], lambda x: x[1, -1], ((5, 7),)),
    "row": Formula(lambda x: x[-1], lambda x: x[-1], ((3, 5, 7),)),
    "column": Formula(lambda x: x[:, 2], lambda x: x[:, 2], ((5, 7),)),
    "ellipsis": Formula(lambda x: x[..., 1:3], lambda x: x[..., 1:3], ((2, 3, 5),)),
    "reshape": Formula(lambda x: x.reshape(7, -1), lambda x: x.reshape(7, -1), ((5, 7),)),
    "transpose": Formula(lambda x: x.T, lambda x: x.swapaxes(-1, -2), ((2, 3, 5),)),
    "permute": Formula(lambda x: x.permute(2, 0, 1), lambda x: x.transpose(2, 0, 1), ((2, 3, 5),)),
    "expand": Formula(
        lambda x: x.expand(2, 3, 5), lambda x: np.broadcast_to(x, (2, 3, 5)), ((3, 1),)
    ),
    "concat": Formula(
        lambda a, b: rz.concat([a, b, a]),
        lambda a, b: np.concatenate([a, b, a], -1),
        ((3, 2), (3, 5)),
    ),
    "concat-rows": Formula(
        lambda a, b: rz.concat([a, b], axis=-2),
        lambda a, b: np.concatenate([a, b]),
        ((3, 2), (1, 2)),
    ),
    "matrix": Formula(lambda a, b: a @ b, lambda a, b: a @ b, ((3, 5), (5, 7))),
    "batch": Formula(lambda a, b: a @ b, lambda a, b: a @ b, ((2, 3, 5), (2, 5, 7))),
    "batch-and-matrix": Formula(lambda a, b: a @ b, lambda a, b: a @ b, ((2, 3, 5), (5, 7))),
    "matrix-and-batch": Formula(lambda a, b: a @ b, lambda a, b: a @ b, ((3, 5), (2, 5, 7))),
    "two-batches": Formula(lambda a, b: a @ b, lambda a, b: a @ b, ((2, 1, 3, 5), (1, 3, 5, 2))),
    "vector-matrix": Formula(lambda a, b: a @ b, lambda a, b: a @ b, ((5,), (5, 7))),
    "matrix-vector": Formula(lambda a, b: a @ b, lambda a, b: a @ b, ((3, 5), (5,))),
    "vectors": Formula(lambda a, b: a.dot(b), lambda a, b: a @ b, ((5,), (5,))),
    "flags": Formula(
        lambda a, b: rz.matmul(a, b, ta=True, tb=True), lambda a, b: a.T @ b.T, ((5, 3), (7, 5))
    ),
    "softmax": Formula(lambda x: x.softmax(), lambda x: np_softmax(x, -1), ((3, 5, 7),)),
    "softmax-columns": Formula(lambda x: x.softmax(0), lambda x: np_softmax(x, 0), ((3, 5, 2),)),
    "log-softmax": Formula(
        lambda x: x.log_softmax(1), lambda x: np.log(np_softmax(x, 1)), ((3, 5, 2),)
    ),
    "where": Formula(
        lambda a, b: rz.where(Tensor(MASK), a, b),
        lambda a, b: np.where(MASK != 0, a, b),
        ((3, 5), (3, 1)),
    ),
    "where-number": Formula(
        lambda a: rz.where(Tensor(MASK), a, -1.0), lambda a: np.where(MASK != 0, a, -1.0), ((3, 5),)
    ),
    "embedding": Formula(lambda w: rz.embedding(w, Tensor(IDS)), lambda w: w[IDS], ((5, 3),)),
    "linear": Formula(rz.linear, lambda x, w, b: x @ w + b, ((2, 3, 5), (5, 7), (7,))),
    "linear-gelu": Formula(
        rz.linear_gelu,
        lambda x, w, b: np_gelu(x @ w + b),
        ((2, 3, 5), (5, 7), (7,)),
    ),
    "layer-norm": Formula(rz.layer_norm, np_layer_norm, ((2, 3, 7), (7,), (7,))),
    "cross-entropy": Formula(
        lambda x: rz.cross_entropy(x, Tensor(TARGETS)), np_cross_entropy, ((2, 3, 7),)
    ),
    "tied": Formula(  # one table looked up and multiplied by, as in a tied GPT
        lambda w: rz.embedding(w, Tensor(IDS)) @ w.T, lambda w: w[IDS] @ w.T, ((5, 3),)
    ),
}


def inputs(name: str) -> list[np.ndarray]:
    """Distinct values at least 0.04 apart: no tie of a maximum within reach of a difference."""
    hosts = []
    rng = np.random.default_rng(list(name.encode()))
    for k, shape in enumerate(FORMULAS[name].shapes):
        count = int(np.prod(shape))
        values = 0.1 * (rng.permutation(count) - count // 2) + 0.03 + 0.04 * k
        hosts.append(values.reshape(shape))
    return hosts


@cache
def slopes(name: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """A random upstream gradient, and what each operand's gradient should be."""
    formula, hosts = FORMULAS[name], inputs(name)
    with no_grad():
        shape = formula.tensors(*map(Tensor, hosts)).shape
    g = np.random.default_rng(len(name)).standard_normal(shape)
    found = []
    for k, host in enumerate(hosts):
        slope = np.zeros(host.shape)
        for index in np.ndindex(host.shape):
            for steps, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
                moved = [x.copy() for x in hosts]
                moved[k][index] += steps * H
                slope[index] += weight * (np.asarray(formula.arrays(*moved)) * g).sum() / (12 * H)
        found.append(slope)
    return g, found


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_numpy(name: str) -> None:
    hosts = inputs(name)
    got = FORMULAS[name].tensors(*map(Tensor, hosts))
    want = np.asarray(FORMULAS[name].arrays(*hosts))
    assert got.shape == want.shape
    assert got.numpy() == pytest.approx(want, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients_are_the_slopes(name: str) -> None:
    g, wanted = slopes(name)
    leaves = [Tensor(host, requires_grad=True) for host in inputs(name)]
    FORMULAS[name].tensors(*leaves).backward(Tensor(g))
    for leaf, want in zip(leaves, wanted, strict=True):
        assert leaf.grad.shape == want.shape
        allowed = 1e-6 * np.maximum(abs(want), 1e-3 * abs(want).max(initial=1e-3))
        assert (abs(leaf.grad.numpy() - want) <= allowed).all()


@pytest.mark.parametrize("name", FORMULAS)
def test_a_second_backward_doubles_the_gradients(name: str) -> None:
    g, _ = slopes(name)
    leaves = [Tensor(host, requires_grad=True) for host in inputs(name)]
    y = FORMULAS[name].tensors(*leaves)
    y.backward(Tensor(g), retain_graph=True)
    once = [leaf.grad.numpy() for leaf in leaves]
    y.backward(Tensor(g))
    for leaf, first in zip(leaves, once, strict=True):
        assert leaf.grad.numpy() == pytest.approx(2 * first, rel=1e-12, abs=1e-13)

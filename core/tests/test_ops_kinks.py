"""Gradients at kinks and ties, where no difference can be taken: what the op table says, literally.

The upstream gradient is 6, so that a half and a third of it are whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rinzler as rz
from rinzler import Tensor

pytestmark = pytest.mark.usefixtures("fused_or_not")


def gradient_of(formula: Callable[..., Tensor], *hosts: Any) -> list[list[float]]:
    leaves = [Tensor(np.array(host, np.float64), requires_grad=True) for host in hosts]
    y = formula(*leaves)
    y.backward(Tensor(np.full(y.shape, 6.0)))
    return [leaf.grad.numpy().tolist() for leaf in leaves]


def test_equal_operands_of_maximum_take_half_each() -> None:
    a, b = gradient_of(lambda a, b: a.maximum(b), [1.0, 2.0, 3.0], [1.0, 5.0, -1.0])
    assert a == [3.0, 0.0, 6.0]
    assert b == [3.0, 6.0, 0.0]


def test_swapping_the_operands_of_maximum_swaps_the_gradients() -> None:
    a, b = gradient_of(lambda a, b: b.maximum(a), [1.0, 2.0, 3.0], [1.0, 5.0, -1.0])
    assert a == [3.0, 0.0, 6.0]
    assert b == [3.0, 6.0, 0.0]


def test_equal_maxima_of_a_row_share_the_gradient() -> None:
    (x,) = gradient_of(lambda x: x.max(axis=1), [[2.0, 2.0, 1.0, 2.0], [0.0, -1.0, -1.0, -2.0]])
    assert x == [[2.0, 2.0, 0.0, 2.0], [6.0, 0.0, 0.0, 0.0]]


def test_relu_has_slope_zero_at_zero() -> None:
    (x,) = gradient_of(lambda x: x.relu(), [-1.0, 0.0, -0.0, 1.0])
    assert x == [0.0, 0.0, 0.0, 6.0]


def test_repeated_ids_sum_their_gradients() -> None:
    (table,) = gradient_of(lambda w: rz.embedding(w, Tensor([1, 1, 1, 0])), np.ones((3, 2)))
    assert table == [[6.0, 6.0], [18.0, 18.0], [0.0, 0.0]]


def test_where_keeps_infinity_out_of_the_gradient() -> None:
    def safe_log(x: Tensor) -> Tensor:
        positive = x > 0.0
        return rz.where(positive, rz.where(positive, x, 1.0).log(), 0.0)

    (x,) = gradient_of(safe_log, [0.0, 2.0])
    assert x == [0.0, 3.0]

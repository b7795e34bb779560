"""The four layers that a GPT is made of, next to dropout.

Each takes its first values from an `Initializer`, so that a model's weights are a function of one
seed. Read next: `dropout.py`.
"""

from __future__ import annotations

from math import sqrt

from rinzler import functional as F
from rinzler.nn.module import Module
from rinzler.nn.parameter import Initializer, default_initializer
from rinzler.tensor import Tensor


class Linear(Module):
    """y = x @ w + b, x (..., in) -> (..., out). Weights [in, out], normal with std 1/√in."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        std: float | None = None,
        init: Initializer | None = None,
    ) -> None:
        init = init or default_initializer()
        self.weight = init.normal((inputs, outputs), std or 1.0 / sqrt(inputs))
        self.bias = init.constant((outputs,), 0.0) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class LinearGELU(Linear):
    """y = gelu(x @ w + b): the first half of a transformer's MLP as one op."""

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear_gelu(x, self.weight, self.bias)


class LayerNorm(Module):
    """Each row to mean 0 and variance 1, then a learned gain and shift for each column."""

    def __init__(
        self, width: int, bias: bool = True, eps: float = 1e-5, init: Initializer | None = None
    ) -> None:
        init = init or default_initializer()
        self.weight = init.constant((width,), 1.0)
        self.bias = init.constant((width,), 0.0) if bias else None
        self.eps = eps

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight, self.bias, self.eps)


class Embedding(Module):
    """A learned row for each of `count` ids: (B, T) -> (B, T, C)."""

    def __init__(
        self, count: int, width: int, std: float = 1.0, init: Initializer | None = None
    ) -> None:
        init = init or default_initializer()
        self.weight = init.normal((count, width), std)

    def __call__(self, ids: Tensor) -> Tensor:
        return F.embedding(self.weight, ids)

"""The update rules: each an optimizer in a few lines, from plain descent to AdamW.

AdamW is one fused op with a default of the same formula (`ops/update.py`); the others are written
in plain ops. Read next: `rinzler.schedule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rinzler.errors import ConfigError
from rinzler.nn import Module
from rinzler.ops import Array, call
from rinzler.ops.update import HYPER
from rinzler.optim.clipping import Clip
from rinzler.optim.optimizer import Optimizer


class SGD(Optimizer):
    """p −= lr·g (Robbins and Monro 1951)."""

    def update(self, old: Mapping[str, Array], g: Array) -> dict[str, Array]:
        return {"p": call("sub", old["p"], call("mul", g, self.rate))}


class SGDMomentum(Optimizer):
    """v = β·v + g; p −= lr·v: a heavy ball (Polyak 1964)."""

    moments = ("v",)

    def __init__(self, model: Module, lr: float, momentum: float = 0.9) -> None:
        super().__init__(model, lr)
        self.momentum = in_unit("momentum", momentum)

    def update(self, old: Mapping[str, Array], g: Array) -> dict[str, Array]:
        v = call("add", call("mul", old["v"], self.number(self.momentum)), g)
        return {"p": call("sub", old["p"], call("mul", v, self.rate)), "v": v}


class RMSprop(Optimizer):
    """s = α·s + (1 − α)·g²; p −= lr·g / (√s + eps) (Hinton's lecture 6e, 2012)."""

    moments = ("s",)

    def __init__(self, model: Module, lr: float, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(model, lr)
        self.alpha = in_unit("alpha", alpha)
        self.eps = eps

    def update(self, old: Mapping[str, Array], g: Array) -> dict[str, Array]:
        kept = call("mul", old["s"], self.number(self.alpha))
        s = call("add", kept, call("mul", call("mul", g, g), self.number(1.0 - self.alpha)))
        deviation = call("add", call("sqrt", s), self.number(self.eps))
        step = call("mul", call("div", g, deviation), self.rate)
        return {"p": call("sub", old["p"], step), "s": s}


class AdamWPart(NamedTuple):
    """Views of parameters, moments and gradients, and the numbers that hold for them."""

    p: Array
    m: Array
    v: Array
    g: Array
    hyper: Array
    decay: float


class AdamW(Optimizer):
    """Adam with decoupled weight decay, on decayed parameters only; the `adamw` op."""

    moments = ("m", "v")

    def __init__(
        self,
        model: Module,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(model, lr)
        self.betas = (in_unit("beta1", betas[0]), in_unit("beta2", betas[1]))
        self.eps = eps
        if not weight_decay >= 0:
            raise ConfigError(f"weight_decay is {weight_decay}, expected a number ≥ 0")
        self.weight_decay = weight_decay
        segments = self.flat.segments()
        # A row for each part, in one array, so that a step uploads all of them at once.
        width = self.flat.device.room(len(HYPER), self.flat.dtype)
        self._rows = np.zeros((len(segments), width), self.flat.dtype)
        self._numbers = self.flat.device.array(self._rows.reshape(-1))
        self.parts = [
            self._part(part, decay, self._numbers.part(k * width, (len(HYPER),)))
            for k, (part, decay) in enumerate(segments)
        ]

    def _part(self, part: slice, decay: bool, hyper: Array) -> AdamWPart:
        """The stretch of all flat arrays that shares one weight decay."""
        shape = (part.stop - part.start,)
        p, m, v, g = (
            array.part(part.start, shape)
            for array in (self.flat.data, self.state["m"], self.state["v"], self.flat.grad)
        )
        return AdamWPart(p, m, v, g, hyper, self.weight_decay if decay else 0.0)

    def advance(self) -> None:
        self.steps += 1
        self._rows[:, : len(HYPER)] = [self.hyper(part.decay) for part in self.parts]
        self._numbers.upload(self._rows.reshape(-1))

    def apply(self, clip: Clip | None = None) -> None:
        """Two calls: the decayed part, then the rest."""
        one = self.number(1.0)
        scale, ok = (one, one) if clip is None else (clip.scale, clip.ok)
        for part in self.parts:
            out = (part.p, part.m, part.v)
            call("adamw", part.g, part.hyper, scale, ok, out=out)

    def hyper(self, decay: float) -> tuple[float, ...]:
        """The numbers of this step, in the order of `HYPER`."""
        beta1, beta2 = self.betas
        correction1 = 1.0 - beta1**self.steps
        correction2 = 1.0 - beta2**self.steps
        return (self.lr, beta1, beta2, self.eps, decay, correction1, correction2)


class Adam(AdamW):
    """AdamW without weight decay (Kingma and Ba 2014)."""

    def __init__(
        self,
        model: Module,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(model, lr, betas, eps, weight_decay=0.0)


def in_unit(name: str, value: float) -> float:
    if not 0.0 <= value < 1.0:
        raise ConfigError(f"{name} is {value}, expected 0 ≤ {name} < 1")
    return value

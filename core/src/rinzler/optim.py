"""Rung 4: optimizers, from plain gradient descent to AdamW, and gradient clipping.

Each optimizer is its update rule over the flat buffers of `nn.FlatParameters`, written in ops, so
it runs on any backend; AdamW is one fused op with a default of the same formula. State is flat too:
an array for each moment, which is what a checkpoint stores.

`step(clip)` takes what `measure` found: the scale that clips the gradient's norm, and whether that
norm is finite. Where it is not, weights and moments stay exactly as they are.
Leaves out: closures, learning rates per layer. Read next: `schedule.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from rinzler.autograd import copy
from rinzler.errors import CheckpointError, ConfigError
from rinzler.nn import FlatParameters, Module
from rinzler.ops import Array, call
from rinzler.ops.update import HYPER


@dataclass(frozen=True)
class Clip:
    """What one reduction over all gradients tells, as one-element arrays on the device."""

    norm: Array  # √Σg²
    scale: Array  # min(1, max_norm / norm)
    ok: Array  # 1 where the norm is finite, else 0


def measure(model: Module, max_norm: float | None = None) -> Clip:
    """The gradient's norm, and the scale that brings it down to `max_norm` (Pascanu 2013)."""
    if max_norm is not None and max_norm <= 0:
        raise ConfigError(f"max_norm is {max_norm}, expected a positive number or None")
    grad = model.flat().grad
    number = grad.device.constant
    squares = call("sumsq", grad)
    norm = call("sqrt", squares)
    ok = call("less", norm, number(inf, grad.dtype))  # NaN < inf is 0 as well
    if max_norm is None:
        return Clip(norm, number(1.0, grad.dtype), ok)
    limit = number(max_norm, grad.dtype)
    bounded = call("maximum", call("add", norm, number(1e-6, grad.dtype)), limit)
    return Clip(norm, call("div", limit, bounded), ok)


def clip_grad_norm(model: Module, max_norm: float) -> float:
    """Scale all gradients in place so that their norm is at most `max_norm`; returns the norm.

    The plain form. A training loop hands `measure` to `step` instead and saves one pass.
    """
    clip = measure(model, max_norm)
    grad = model.flat().grad
    call("mul", grad, clip.scale, out=grad)
    return clip.norm.item()


class Optimizer:
    """What all have in common: flat parameters, named flat moments, a rate, a count of steps.

    Subclasses list their moments and write `update`.
    """

    moments: tuple[str, ...] = ()

    def __init__(self, model: Module, lr: float) -> None:
        if not lr >= 0:
            raise ConfigError(f"lr is {lr}, expected a number ≥ 0")
        self.model = model
        self.flat: FlatParameters = model.flat()
        self.lr = lr
        self.steps = 0  # updates done so far; the next one is number steps + 1
        zeros = self.flat.device.full
        self.state = {name: zeros((self.flat.size,), 0.0, self.flat.dtype) for name in self.moments}

    def zero_grad(self) -> None:
        """Set every gradient to 0, in one fill."""
        self.flat.grad.fill(0.0)

    def step(self, clip: Clip | None = None) -> None:
        """Move the parameters once along their gradients."""
        self.steps += 1
        old = {"p": self.flat.data, **self.state}
        gradient = self.flat.grad if clip is None else call("mul", self.flat.grad, clip.scale)
        new = self.update(old, gradient)
        for name, array in new.items():
            if clip is None:
                copy(array, out=old[name])
            else:
                go = call("expand", clip.ok.reshape((1,)), shape=array.shape)
                call("where", go, array, old[name], out=old[name])

    def update(self, old: Mapping[str, Array], g: Array) -> dict[str, Array]:
        """The rule: from parameters `p`, moments and gradient to new ones."""
        raise NotImplementedError

    def number(self, value: float) -> Array:
        return self.flat.device.constant(value, self.flat.dtype)

    def rate(self) -> Array:
        """The learning rate as an array: it changes from step to step, so it is no constant."""
        return self.flat.device.array(np.array(self.lr, self.flat.dtype))

    def state_arrays(self) -> dict[str, np.ndarray]:
        """The moments on the host as "moment.parameter", whatever the layout of this device."""
        return {
            f"{moment}.{name}": values
            for moment, array in self.state.items()
            for name, values in self.flat.unpacked(array).items()
        }

    def load_state(self, arrays: Mapping[str, np.ndarray], steps: int) -> None:
        """Take moments back. Raises CheckpointError before changing anything."""
        expected = {f"{moment}.{name}" for moment in self.moments for name in self.flat.parameters}
        if set(arrays) != expected:
            odd = sorted(expected.symmetric_difference(arrays))
            raise CheckpointError(
                f"this optimizer state does not fit {type(self).__name__} on this model: "
                f"{odd[0]} and {len(odd) - 1} more are missing or too many"
            )
        packed = {
            moment: self.flat.packed(
                {name: arrays[f"{moment}.{name}"] for name in self.flat.parameters}
            )
            for moment in self.moments
        }
        for moment, values in packed.items():
            self.state[moment].upload(values)
        self.steps = steps


class SGD(Optimizer):
    """p −= lr·g (Robbins and Monro 1951)."""

    def update(self, old: Mapping[str, Array], g: Array) -> dict[str, Array]:
        return {"p": call("sub", old["p"], call("mul", g, self.rate()))}


class SGDMomentum(Optimizer):
    """v = β·v + g; p −= lr·v: a heavy ball (Polyak 1964)."""

    moments = ("v",)

    def __init__(self, model: Module, lr: float, momentum: float = 0.9) -> None:
        super().__init__(model, lr)
        self.momentum = in_unit("momentum", momentum)

    def update(self, old: Mapping[str, Array], g: Array) -> dict[str, Array]:
        v = call("add", call("mul", old["v"], self.number(self.momentum)), g)
        return {"p": call("sub", old["p"], call("mul", v, self.rate())), "v": v}


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
        step = call("mul", call("div", g, deviation), self.rate())
        return {"p": call("sub", old["p"], step), "s": s}


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
        empty = self.flat.device.empty
        self.parts = [
            (part, decay, empty((len(HYPER),), self.flat.dtype))
            for part, decay in self.flat.segments()
        ]

    def step(self, clip: Clip | None = None) -> None:
        """Two calls: the decayed part, then the rest."""
        self.steps += 1
        one = self.number(1.0)
        scale, ok = (one, one) if clip is None else (clip.scale, clip.ok)
        for part, decay, hyper in self.parts:
            hyper.upload(self.hyper(self.weight_decay if decay else 0.0))
            shape = (part.stop - part.start,)
            p, m, v, g = (
                array.part(part.start, shape)
                for array in (self.flat.data, self.state["m"], self.state["v"], self.flat.grad)
            )
            call("adamw", g, hyper, scale, ok, out=(p, m, v))

    def hyper(self, decay: float) -> np.ndarray:
        """The numbers of this step, in the order of `HYPER`."""
        beta1, beta2 = self.betas
        correction1 = 1.0 - beta1**self.steps
        correction2 = 1.0 - beta2**self.steps
        values = (self.lr, beta1, beta2, self.eps, decay, correction1, correction2)
        return np.array(values, self.flat.dtype)


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

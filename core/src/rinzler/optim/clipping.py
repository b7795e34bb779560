"""What one reduction over all gradients tells: how long the gradient is, and whether it is one.

A step must not be longer than the settings allow, and must not be taken at all where a number is
not finite. Both are decided on the device: the answer is a scale and a 0 or 1 that the optimizer
multiplies and selects by, so nothing has to be read back in the middle of a step.
Read next: `optimizer.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from rinzler.errors import ConfigError
from rinzler.nn import Module
from rinzler.ops import Array, call


@dataclass(frozen=True)
class Clip:
    """What one reduction over all gradients tells, as one-element arrays on the device."""

    norm: Array  # √Σg²
    scale: Array  # min(1, max_norm / norm)
    ok: Array  # 1 where the norm, and each loss that was given, is finite, else 0


def measure(model: Module, max_norm: float | None = None, losses: Sequence[Array] = ()) -> Clip:
    """The gradient's norm, and the scale that brings it down to `max_norm` (Pascanu 2013).

    `losses` are one-element arrays that have to be finite for the step to be taken.
    """
    if max_norm is not None and max_norm <= 0:
        raise ConfigError(f"max_norm is {max_norm}, expected a positive number or None")
    grad = model.flat().grad
    number = grad.device.constant
    squares = call("sumsq", grad)
    norm = call("sqrt", squares)
    sound = norm
    for loss in losses:  # 0·x is 0 for every number, and NaN for what is none
        sound = call("add", sound, call("mul", loss, number(0.0, grad.dtype)))
    ok = call("less", sound, number(inf, grad.dtype))  # NaN < inf is 0 as well
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

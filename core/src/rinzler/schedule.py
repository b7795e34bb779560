"""Rung 4b: learning rates that change, as pure functions of the step and the plan.

A schedule wraps any optimizer and looks like one. The rate of step k is `rate(k)` and depends on
nothing else, so a resumed run needs no memory of the rates before. Steps count from 0.
A run that goes on with another number of steps changes its plan (`replanned`), and the plan keeps
what was before: the rate of a step that has been taken is the same for ever.
Read next: `data/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, cos, pi

import numpy as np

from rinzler.config import Curve, TrainConfig
from rinzler.errors import ConfigError
from rinzler.optim import Clip, Optimizer

WAYS = ("keep", "stretch", "rewarm")  # what a cosine can do when the number of steps changes


class Schedule:
    """An optimizer whose rate is set before each step."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.peak = optimizer.lr
        optimizer.lr = self.rate(optimizer.steps)

    def rate(self, step: int) -> float:
        """The learning rate of step number `step`, from 0."""
        raise NotImplementedError

    @property
    def lr(self) -> float:
        """The rate that the next step will use."""
        return self.rate(self.optimizer.steps)

    @property
    def steps(self) -> int:
        return self.optimizer.steps

    def step(self, clip: Clip | None = None) -> None:
        self.advance()
        self.apply(clip)

    def advance(self) -> None:
        self.optimizer.lr = self.lr
        self.optimizer.advance()

    def retreat(self) -> None:
        self.optimizer.retreat()

    def apply(self, clip: Clip | None = None) -> None:
        self.optimizer.apply(clip)

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def state_arrays(self) -> dict[str, np.ndarray]:
        return self.optimizer.state_arrays()

    def load_state(self, arrays: Mapping[str, np.ndarray], steps: int) -> None:
        self.optimizer.load_state(arrays, steps)


class LinearWarmup(Schedule):
    """From almost 0 to the peak in a straight line over `warmup` steps, then constant.

    rate(k) = peak·(k + 1)/(warmup + 1) for k < warmup. Early on Adam's second moment rests on few
    samples, and a full rate would step far in a noisy direction.
    """

    def __init__(self, optimizer: Optimizer, warmup: int) -> None:
        _check_warmup(warmup)
        self.warmup = warmup
        super().__init__(optimizer)

    def rate(self, step: int) -> float:
        return warmed(step, self.peak, self.warmup)


class Cosines(Schedule):
    """A cosine, or several that took over from each other: the last that holds for a step counts.

    `curves` in the order of `since`, which is 0 for the first.
    """

    def __init__(self, optimizer: Optimizer, curves: Sequence[Curve], floor: float = 0.0) -> None:
        self.curves = tuple(curves)
        self.floor = floor
        super().__init__(optimizer)

    def rate(self, step: int) -> float:
        return rate_on(_at(self.curves, step), step, self.peak, self.floor)


class CosineWithWarmup(Cosines):
    """Warmup, then half a cosine from the peak down to `floor` at step `total`, then constant."""

    def __init__(self, optimizer: Optimizer, warmup: int, total: int, floor: float = 0.0) -> None:
        _check_warmup(warmup)
        super().__init__(optimizer, (Curve(warmup=warmup, end=total),), floor)


def warmed(step: int, peak: float, warmup: int) -> float:
    """The rate of step number `step` where it stays at the peak once it is there."""
    return peak * min(1.0, (step + 1) / (warmup + 1))


def rate_on(curve: Curve, step: int, peak: float, floor: float) -> float:
    """The rate of step number `step` on a curve.

    origin + (peak − origin)·(k − start + 1)/(warmup + 1) on its line, then with j = k − start −
    warmup floor + (peak − floor)·½·(1 + cos(π·j/(end − start − warmup))) (Loshchilov and Hutter
    2016, arXiv:1608.03983, eq. 5, one period), then the floor.
    """
    done = step - curve.start
    if done < curve.warmup:
        return curve.origin + (peak - curve.origin) * ((done + 1) / (curve.warmup + 1))
    share = min(1.0, (done - curve.warmup) / (curve.end - curve.start - curve.warmup))
    return floor + (peak - floor) * 0.5 * (1.0 + cos(pi * share))


def curves_of(config: TrainConfig) -> tuple[Curve, ...]:
    """The curves of a cosine; without any in the plan, one over all of its steps."""
    return config.curves or (Curve(warmup=config.warmup_steps, end=config.steps),)


def planned_rate(config: TrainConfig, step: int) -> float:
    """The learning rate that a plan has for step number `step`, from 0."""
    if not config.cosine:
        return warmed(step, config.lr, config.warmup_steps)
    return rate_on(_at(curves_of(config), step), step, config.lr, config.min_lr)


def replanned(config: TrainConfig, steps: int, step: int, way: str) -> TrainConfig:
    """The plan with another number of steps, decided before step number `step`, one of `WAYS`.

    keep: the old curve to its end, then its floor. stretch: the old curve, but it ends with the
    run. rewarm: a line from the rate that the old curve has here up to the peak, as long as the
    run's own warmup (or a hundredth of the rest, if it had none), then a cosine to the run's end
    (warm restarts: Loshchilov and Hutter 2016; for going on with a run: Ibrahim et al. 2024,
    arXiv:2403.08763). Raises ConfigError.
    """
    if not config.cosine:
        return replace(config, steps=steps)
    if way not in WAYS:
        raise ConfigError(f"schedule is {way!r}, expected {', '.join(WAYS[:-1])} or {WAYS[-1]}")
    # What was decided at this step or at a later one is of a course that is left.
    first, *later = curves_of(config)
    old = (first, *(curve for curve in later if curve.since < step))
    if way == "keep":
        return replace(config, steps=steps, curves=old)
    if way == "stretch":
        new = replace(old[-1], since=step, end=steps)
    else:
        rate = rate_on(old[-1], step, config.lr, config.min_lr)
        warmup = config.warmup_steps or ceil((steps - step) / 100)
        new = Curve(since=step, start=step, origin=rate, warmup=warmup, end=steps)
    return replace(config, steps=steps, curves=(*old, new))


def _at(curves: Sequence[Curve], step: int) -> Curve:
    """The last curve that holds for a step."""
    return next(curve for curve in reversed(curves) if curve.since <= step)


def _check_warmup(warmup: int) -> None:
    if warmup < 0:
        raise ConfigError(f"warmup is {warmup}, expected 0 or more steps")

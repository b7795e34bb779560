"""Rung 4b: learning rates that change, as pure functions of the step and the plan.

A schedule wraps any optimizer and looks like one. The rate of step k is `rate(k)` and depends on
nothing else, so a resumed run needs no memory of the rates before. Steps count from 0.
Read next: `data.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi

import numpy as np

from rinzler.errors import ConfigError
from rinzler.optim import Clip, Optimizer


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
        if warmup < 0:
            raise ConfigError(f"warmup is {warmup}, expected 0 or more steps")
        self.warmup = warmup
        super().__init__(optimizer)

    def rate(self, step: int) -> float:
        return self.peak * min(1.0, (step + 1) / (self.warmup + 1))


class CosineWithWarmup(LinearWarmup):
    """Warmup, then half a cosine from the peak down to `floor` at step `total`, then constant.

    rate(k) = floor + (peak − floor)·½·(1 + cos(π·(k − warmup)/(total − warmup))) (Loshchilov and
    Hutter 2016, arXiv:1608.03983, eq. 5, one period).
    """

    def __init__(self, optimizer: Optimizer, warmup: int, total: int, floor: float = 0.0) -> None:
        if total <= warmup:
            raise ConfigError(
                f"the cosine ends at step {total}, inside the warmup of {warmup} steps; "
                "use more steps or a shorter warmup"
            )
        self.total = total
        self.floor = floor
        super().__init__(optimizer, warmup)

    def rate(self, step: int) -> float:
        if step < self.warmup:
            return super().rate(step)
        done = min(1.0, (step - self.warmup) / (self.total - self.warmup))
        return self.floor + (self.peak - self.floor) * 0.5 * (1.0 + cos(pi * done))

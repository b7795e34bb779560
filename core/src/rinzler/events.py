"""What happens in a run, as records: `train` yields them, and whoever listens makes of them what it
likes: a line in a terminal, a row in a file, a point in a plot.

Losses are in nats per token. Read next: `train.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# What a validation may show.
OVERFITTING = "overfitting"  # it lies above the training loss by more than `div_warn`
RISING = "rising"  # it lies well above the best one
STUCK = "not learning"  # the training loss is still that of guessing


@dataclass(frozen=True)
class Spike:
    """A gradient far longer than those of the steps before."""

    grad_norm: float
    usual: float  # the median of the recent norms


@dataclass(frozen=True)
class Stepped:
    """One update is done."""

    step: int  # 1 after the first update
    loss: float  # nats per token, on the batch, before the update
    lr: float  # the rate that was used
    grad_norm: float  # before clipping
    tokens_per_second: float
    spike: Spike | None = None  # where there is something unusual about the norm


@dataclass(frozen=True)
class Evaluated:
    """The loss on validation text."""

    step: int
    loss: float  # nats per token
    tokens: int  # how many were predicted
    final: bool  # over all of the validation text


@dataclass(frozen=True)
class Sampled:
    """What the model writes by now."""

    step: int
    text: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on disk, complete."""

    step: int
    path: Path
    nbytes: int
    notes: tuple[str, ...] = ()  # on older ones that could not be deleted


@dataclass(frozen=True)
class NotSaved:
    """A checkpoint could not be written. The run goes on, and the next save tries again."""

    step: int
    path: Path
    reason: str  # the error's message: what failed, what was kept, what to do


@dataclass(frozen=True)
class Diverging:
    """A validation shows that something is wrong with the run."""

    step: int
    gap: float  # (validation − training) / training, in percent
    train_loss: float  # nats per token, the mean of the recent steps
    val_loss: float
    critical: bool  # the gap is above `div_crit`: the run stops
    kind: str  # OVERFITTING, RISING or STUCK
    beside: float  # what the loss was held against: training's, the best one, that of guessing


@dataclass(frozen=True)
class CapturedStep:
    """The step was recorded twice; from here on it is replayed."""

    step: int
    calls: int  # kernels in one step
    arena: int  # bytes that all of its temporaries share
    unplanned: int  # bytes that they would take one by one


Event = Stepped | Evaluated | Sampled | Saved | NotSaved | Diverging | CapturedStep

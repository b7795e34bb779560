"""What happens in a run, as records: `train` yields them, and whoever listens makes of them what it
likes: a line in a terminal, a row in a file, a point in a plot.

Losses are in nats per token. Read next: `train.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stepped:
    """One update is done."""

    step: int  # 1 after the first update
    loss: float  # nats per token, on the batch, before the update
    lr: float  # the rate that was used
    grad_norm: float  # before clipping
    tokens_per_second: float


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
    """Validation loss lies further above the training loss than `div_warn` allows."""

    step: int
    gap: float  # (validation − training) / training, in percent
    train_loss: float  # nats per token, the mean of the recent steps
    val_loss: float
    critical: bool  # above `div_crit`: the run stops


@dataclass(frozen=True)
class CapturedStep:
    """The step was recorded twice; from here on it is replayed."""

    step: int
    calls: int  # kernels in one step
    arena: int  # bytes that all of its temporaries share
    unplanned: int  # bytes that they would take one by one


Event = Stepped | Evaluated | Sampled | Saved | NotSaved | Diverging | CapturedStep

"""What the losses and norms of a run show, in time to do something about it.

Three things go wrong slowly, and each has a sign: validation far above training (the text is learnt
by heart), a loss that rises again (the rate is too high), a loss that stays where guessing is
(nothing is learnt). One goes wrong at once: a gradient far longer than those before it, which
clipping hides.
Pure functions of numbers; what they need of the past is in every checkpoint, so a resumed run sees
what an uninterrupted one would have seen.
Leaves out: numbers that are none (`guard.py`). Read next: `trainer.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rinzler.events import OVERFITTING, RISING, STUCK, Diverging, Evaluated, Spike

TIMES = 10.0  # a norm so many times the usual is a spike
KEPT = 50  # steps whose norms say what is usual
ENOUGH = 20  # norms before anything is unusual
APART = 50  # steps at least between two reports of a spike

RISEN = 1.1  # a validation so many times the best one has risen, beyond its noise
EARLY = 200  # steps after the warmup in which nothing need have been learnt
GUESSING = 0.97  # of ln V: a loss above it is no better than guessing


def spike(step: int, norm: float, before: Sequence[float], told: int | None) -> Spike | None:
    """A norm of many times the median of those before; `told` is the last step with one."""
    if len(before) < ENOUGH or (told is not None and step - told < APART):
        return None
    usual = median(before)
    return Spike(norm, usual) if norm > TIMES * usual else None


def divergence(
    evaluated: Evaluated,
    train_loss: float,
    best: float | None,
    guessing: float,
    *,
    warmup: int,
    warn: float,
    crit: float | None,
) -> Diverging | None:
    """What a validation shows, the worst first; None if all is well. `warn`, `crit` in percent.

    `best` is the lowest validation before, `guessing` the loss of a model that knows nothing.
    """
    step, loss = evaluated.step, evaluated.loss
    gap = 100.0 * (loss - train_loss) / train_loss
    critical = crit is not None and gap > crit
    if gap > warn or critical:
        return Diverging(step, gap, train_loss, loss, critical, OVERFITTING, train_loss)
    if best is not None and loss > RISEN * best:
        return Diverging(step, gap, train_loss, loss, False, RISING, best)
    if step >= warmup + EARLY and train_loss > GUESSING * guessing:
        return Diverging(step, gap, train_loss, loss, False, STUCK, guessing)
    return None

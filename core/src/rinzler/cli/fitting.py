"""The batch that would have fitted: asked of the device itself, after a run has run out of memory.

How much a step takes is known to nobody ahead of it: it depends on what a backend fuses and on how
its allocator rounds. But the run is over, its weights are worth nothing, and the device is at hand.
So smaller batches take a step each until one goes through; half, a quarter and so on of a batch
cost less than one step of the whole. With as many more passes to an update, it is the same update.
Read next: `train.py`.
"""

from __future__ import annotations

import traceback

from rinzler.data import Batches
from rinzler.errors import OutOfMemoryError
from rinzler.step import Step
from rinzler.trainer import Trainer


def batch_that_fits(trainer: Trainer, error: BaseException) -> int | None:
    """The largest part of the batch size with which a step goes through; None if there is none.

    Takes steps with the trainer's model, which is of no use afterwards, and clears the frames of
    the error: what the step that failed still holds is in the way.
    """
    _let_go(error)
    size = trainer.config.batch_size
    for part in (part for part in range(size // 2, 0, -1) if size % part == 0):
        try:
            _take_a_step(trainer, part)
        except OutOfMemoryError as again:
            _let_go(again)
        else:
            return part
    return None


def _take_a_step(trainer: Trainer, size: int) -> None:
    context = trainer.model.config.context
    batches = Batches(trainer.data.train, size, context, trainer.config.seed)
    step = Step(
        trainer.model, trainer.optimizer, size, clip_grad=trainer.config.clip_grad, capture=False
    )
    step([batches.draw(0)])


def _let_go(error: BaseException | None) -> None:
    """Drop the arrays that the frames of an error, and of its causes, hold."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__

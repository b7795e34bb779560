"""Rung 6d: one update of the weights, in two parts: what the host says, what the device does.

`feed` uploads all that changes from step to step: ids, targets, the keys of dropout, the numbers of
the optimizer. `compute` then does the whole step on the device, forward, backward, clipping and the
update, and neither uploads nor reads anything. So it can be captured (rung 8), and a replay and an
eager step are the same kernels on the same bytes.

The update is inside, so nobody looks at the loss before it. Instead `measure` asks on the device
whether all is finite, and the optimizer changes nothing where it is not.
Read next: `trainer.py`, which takes steps until the run is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isfinite, prod

import numpy as np

from rinzler.capture import Captured
from rinzler.errors import CaptureError, ShapeError
from rinzler.gpt import GPT
from rinzler.ops import Array
from rinzler.optim import Clip, Optimizer, measure
from rinzler.schedule import Schedule
from rinzler.tensor import Tensor

Batch = tuple[Array, Array]  # (inputs, targets), int32, (B, T) each, on the device


class Step:
    """A step of `accumulate` forward and backward passes over (B, T) ids, and one update."""

    def __init__(
        self,
        model: GPT,
        optimizer: Optimizer | Schedule,
        batch_size: int,
        accumulate: int = 1,
        clip_grad: float | None = None,
        capture: bool = True,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.accumulate = accumulate
        shape = (batch_size, model.config.context)  # (B, T)
        # All ids of a step lie in one array, so that one upload brings them: inputs and targets of
        # each pass, each from an aligned place on.
        size = model.device.room(prod(shape), "int32")
        ids = model.device.full((2 * accumulate * size,), 0, "int32")
        self._staged = np.zeros(ids.shape, np.int32)
        places = self._staged.reshape(accumulate, 2, size)[:, :, : prod(shape)]
        places = places.reshape(accumulate, 2, *shape)  # (accumulate, 2, B, T), still of _staged
        self._places = {"inputs": list(places[:, 0]), "targets": list(places[:, 1])}
        parts = [ids.part(k * size, shape) for k in range(2 * accumulate)]
        batches = list(zip(parts[::2], parts[1::2], strict=True))
        self._measured = partial(measured, model, optimizer, batches, clip_grad)
        # A plain function and no method of this object: it would hold itself, until the collector
        # comes by.
        work = partial(compute, model, optimizer, batches, clip_grad)
        self.captured = Captured(work, model.device, {"ids": ids}, eager=not capture)

    def __call__(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
        """Feed one (inputs, targets) for each pass and take the step: (mean loss, gradient norm).

        The loss is in nats per token, before the update; the norm is that before clipping. Where
        one of them is not finite, weights, moments and the count of steps are as they were.
        """
        self.feed(pairs)
        try:
            norm, *losses = (value.item() for value in self.captured())
        except BaseException:
            self.optimizer.retreat()
            raise
        loss = sum(losses) / len(losses)
        if not (isfinite(loss) and isfinite(norm)):
            self.optimizer.retreat()
        return loss, norm

    def once_more(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Loss and gradients of these batches again, never captured; nothing is updated."""
        self.feed(pairs)
        self.optimizer.retreat()
        self._measured()

    def feed(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """The host's part. Raises ShapeError, CaptureError for batches of another shape."""
        if len(pairs) != self.accumulate:
            raise ShapeError(
                f"a step of {self.accumulate} passes was fed {len(pairs)} batches; "
                "give one (inputs, targets) for each pass"
            )
        if not self.model.training:
            self.model.train()
        for micro, (inputs, targets) in enumerate(pairs):
            self._stage("inputs", micro, inputs)
            self._stage("targets", micro, targets)
        self.captured.feed({"ids": self._staged})
        if self.model.config.dropout:
            self.model.dropout_key.feed(self.optimizer.steps, len(pairs))
        self.optimizer.advance()

    def _stage(self, name: str, micro: int, host: np.ndarray) -> None:
        place = self._places[name][micro]
        if host.shape != place.shape:
            raise CaptureError(
                f"'{name} {micro}' has shape {host.shape}, the step is one for {place.shape}: "
                "make another Step for another shape"
            )
        if host.dtype != np.int32:
            self.captured.inputs["ids"].note_ids(host)  # raises for what does not fit
        place[...] = host


def compute(
    model: GPT, optimizer: Optimizer | Schedule, batches: Sequence[Batch], clip_grad: float | None
) -> tuple[Array, ...]:
    """The device's part: the norm, and the loss of each pass."""
    clip, losses = measured(model, optimizer, batches, clip_grad)
    optimizer.apply(clip)
    return (clip.norm, *losses)


def measured(
    model: GPT, optimizer: Optimizer | Schedule, batches: Sequence[Batch], clip_grad: float | None
) -> tuple[Clip, list[Array]]:
    """The gradients where they belong, what they come to, and the loss of each pass."""
    optimizer.zero_grad()
    losses = gradients(model, batches)
    return measure(model, clip_grad, losses), losses


def gradients(model: GPT, batches: Sequence[Batch]) -> list[Array]:
    """Add the gradient of the mean loss to that of the parameters; the loss of each pass."""
    losses = []
    for micro, (ids, targets) in enumerate(batches):
        if model.config.dropout:
            model.dropout_key.take(micro)
        loss = model.loss(Tensor._of(ids), Tensor._of(targets))  # (B, T), (B, T) -> ()
        share = loss if len(batches) == 1 else loss * (1.0 / len(batches))
        share.backward()
        losses.append(loss.array)
    return losses

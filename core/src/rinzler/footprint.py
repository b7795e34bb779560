"""Rung 6e, ahead of time: how much memory a run will take, found by running it on nothing.

What a step needs depends on what a backend fuses and on how the planner packs it; no formula says
it well. So the real model, optimizer and step are made on a `Hollow` device, which has the kernels,
the limits and the alignment of the real one, and neither memory nor arithmetic. The allocator and
the planner do not know the difference: what they counted at the end is what the run will ask for.

Leaves out: what the process takes besides (Python, numpy, the text), buffers that lie idle between
two steps, and validation, which keeps less than a step does.
Read next: `train.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rinzler.config import GPTConfig, TrainConfig
from rinzler.gpt import GPT
from rinzler.nn import Initializer, Parameter
from rinzler.ops import Backend, Device
from rinzler.ops.spec import Specs
from rinzler.optim import optimizer_of
from rinzler.step import Step


@dataclass(frozen=True)
class Footprint:
    """Bytes on the device, as the allocator counts them."""

    weights: int
    gradients: int
    moments: int
    step: int  # what one step needs besides: activations, gradients of them, scratch
    peak: int  # the most that is in use at one time

    def to_json(self) -> dict[str, int]:
        return {
            "weights": self.weights,
            "gradients": self.gradients,
            "moments": self.moments,
            "step": self.step,
            "peak": self.peak,
        }


class Hollow(Backend):
    """A backend as another one, without its memory and its arithmetic: what is read is 0."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.name = inner.name
        self.caps = inner.caps
        # One function for each op, since recordings tell kernels apart by identity.
        self.kernels = {op: _nothing(op) for op in inner.kernels}

    def alloc(self, nbytes: int) -> Any:
        return nbytes

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Any:
        return None

    def upload(self, handle: Any, host: np.ndarray) -> None:
        """Nothing is kept."""

    def download(self, handle: Any, host: np.ndarray) -> None:
        host.fill(0)

    def synchronize(self) -> None:
        """Nothing is under way."""

    def supports(self, op: str, specs: Specs) -> bool:
        return self.inner.supports(op, specs)


def _nothing(op: str) -> Callable[..., None]:
    def kernel(*handles: Any, **attrs: Any) -> None:
        """What `op` would compute stays away."""

    kernel.__name__ = op
    return kernel


class Zeros(Initializer):
    """First values that cost nothing to draw."""

    def normal(self, shape: tuple[int, ...], std: float) -> Parameter:
        return Parameter(np.zeros(shape, self.dtype), device=self.device)


def footprint(
    shape: GPTConfig, config: TrainConfig, backend: Backend, dtype: str, capture: bool = True
) -> Footprint:
    """What training this model on this backend will ask of its memory."""
    capture = capture and config.steps > 1  # a single step is not
    device = Device(Hollow(backend))
    model = GPT(shape, device=device, dtype=dtype, init=Zeros(0, dtype, device))
    optimizer = optimizer_of(model, config)
    step = Step(model, optimizer, config.batch_size, config.accumulate, config.clip_grad, capture)
    held = device.memory.stats.live
    ids = np.zeros((config.batch_size, shape.context), np.int32)
    for _ in range(2 if capture else 1):  # a captured step is planned after its second call
        step([(ids, ids)] * config.accumulate)
    flat = model.flat()
    weights, gradients = flat.data.block.nbytes, flat.grad.block.nbytes
    moments = sum(array.block.nbytes for array in optimizer.state.values())
    summary = step.captured.summary
    needed = summary.arena if summary else device.memory.stats.peak - held
    return Footprint(weights, gradients, moments, needed, device.memory.stats.peak)

"""Rinzler's training step: `Trainer.step`, the one that `rinzler-train` takes.

The variant is the backend's name, or the name and "-eager" for a run without capture. Nothing is
replaced but the text: the batches are those that every contender gets. What a step does beside the
arithmetic (reading the loss and the gradient's norm back, looking at whether they are finite, the
learning rate's schedule) is in its time.

Read next: `rinzler.trainer` in the library; `torch_step.py`, the other side.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from configs import ADAMW, CLIP, StepConfig, initial_weights, sizes
from contenders.worker import Contender, Maker, serve

if TYPE_CHECKING:
    from rinzler.gpt import GPT
    from rinzler.ops import Device
    from rinzler.trainer import Trainer

EAGER = "-eager"


class Given:
    """Stands where a trainer has its `Batches`: it draws what it was given."""

    pair: tuple[np.ndarray, np.ndarray]

    def draw(self, step: int, micro: int = 0) -> tuple[np.ndarray, np.ndarray]:
        return self.pair


class WithPeak:
    """The planner of captures, which also notes below what no plan could go."""

    peak = 0  # bytes alive at one time

    def __call__(self, *task: Any) -> Any:
        from rinzler import planner

        self.peak = planner.peak(*task)
        return planner.planned(*task)


def load(variant: str) -> None:
    """Import the library and the backend."""
    import rinzler.train  # noqa: F401 - the import is what is wanted
    from rinzler.plugins import open_device

    open_device(variant.removesuffix(EAGER))


def make(config: StepConfig, variant: str) -> Contender:
    """A trainer of the shared weights on a backend, and its step."""
    from rinzler.plugins import open_device

    backend = variant.removesuffix(EAGER)
    trainer, step = training(config, open_device(backend), captured=backend == variant)
    return Contender(step, lambda: about(trainer))


def shared_model(config: StepConfig, device: Device) -> GPT:
    """The model with the weights that all sides begin with."""
    from rinzler.gpt import GPT, GPTConfig

    model = GPT(GPTConfig(**sizes(config)), device=device)
    model.load(initial_weights(config))
    return model


def training(config: StepConfig, device: Device, captured: bool) -> tuple[Trainer, Any]:
    """(trainer, step): `step(ids, targets)` takes (B, T) each and returns the loss."""
    from rinzler.config import TrainConfig
    from rinzler.data import ByteTokenizer, Split
    from rinzler.trainer import Trainer

    plan = TrainConfig(
        batch_size=config.batch,
        lr=ADAMW["lr"],
        weight_decay=ADAMW["weight_decay"],
        beta1=ADAMW["betas"][0],
        beta2=ADAMW["betas"][1],
        clip_grad=CLIP,
    )
    model = shared_model(config, device)
    no_text = np.zeros(config.context + 1, np.int32)
    trainer = Trainer(model, ByteTokenizer(), Split(no_text, no_text, ""), plan, captured)
    trainer.update.captured.planner = WithPeak()
    given = Given()
    trainer.batches = given  # type: ignore[assignment]

    def step(ids: np.ndarray, targets: np.ndarray) -> float:
        given.pair = ids, targets
        loss = trainer.step().loss
        device.synchronize()  # reading the loss does not wait for AdamW
        return loss

    return trainer, step


def about(trainer: Trainer) -> dict[str, Any]:
    """Versions, what the backend says of itself, and the capture where there is one."""
    versions = {
        name: metadata.version(package)
        for name, package in (("rinzler", "rinzler-core"), ("numba", "numba"))
        if name in sys.modules
    }
    backend = trainer.model.device.backend
    told: dict[str, Any] = {**versions, "backend": backend.caps.device_text}
    told["facts"] = {fact.name: fact.value for fact in backend.facts()}
    if trainer.captured is not None:
        event, planner = trainer.captured, trainer.update.captured.planner
        assert isinstance(planner, WithPeak)
        told["capture"] = {
            "calls": event.calls,
            "arena": event.arena,
            "peak": planner.peak,
            "unplanned": event.unplanned,
        }
    return told


if __name__ == "__main__":
    serve(Maker(load, make))

"""What a run will take: memory, disk and time, said before the first step.

Memory comes from a rehearsal (`rinzler.footprint`), the size of a checkpoint from what it holds.
How long it takes, nobody can know ahead of it: `--plan` takes a few steps of the very run on the
very machine and throws them away; any other run says it while it goes on.
Leaves out: the lines (`lines.py`). Read next: `showing.py`.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from rinzler.cli.words import size
from rinzler.config import GPTConfig, TrainConfig
from rinzler.errors import ConfigError
from rinzler.files import FILES
from rinzler.footprint import Footprint, footprint
from rinzler.ops import ITEMSIZE
from rinzler.optim import moments_of
from rinzler.trainer import Trainer
from rinzler.validation import mean_loss

ENTRY = 210  # bytes of a checkpoint's header for a tensor: name, shape, place, digest
TRIED = 5  # steps that are timed: two that are recorded, and three as all others will be
LONGEST = 20.0  # seconds after which no further step is tried, once there are two


@dataclass(frozen=True)
class Needs:
    """Bytes, but for the count."""

    memory: Footprint
    checkpoint: int  # one of them
    checkpoints: int  # so many at one time, with the one that is being written
    held: int  # what the checkpoints of this run take already
    free: int | None  # on the disk of the run's folder; None where that cannot be known

    @property
    def disk(self) -> int:
        """All that the run's checkpoints take at one time."""
        return self.checkpoint * self.checkpoints

    @property
    def missing(self) -> int:
        """How much more would have to be free; 0 if it fits."""
        return 0 if self.free is None else max(0, self.disk - self.held - self.free)

    def to_json(self) -> dict[str, Any]:
        disk = {"checkpoint": self.checkpoint, "peak": self.disk, "free": self.free}
        return {"memory": self.memory.to_json(), "disk": disk}


@dataclass(frozen=True)
class Pace:
    """What was measured on this machine, in seconds."""

    step: float
    window: float  # of a validation
    steps: int  # that are left
    windows: int  # of validation that are left

    @property
    def total(self) -> float:
        return self.step * self.steps + self.window * self.windows


def check_fits(shape: GPTConfig, config: TrainConfig, dtype: str) -> None:
    """Raise ConfigError where weights and moments are more than all memory of this machine.

    Before any of it is asked for: some systems hand out what they do not have, and end whoever uses
    it. A save brings both here, wherever the device is.
    """
    least = shape.parameters * ITEMSIZE[dtype] * (1 + moments_of(config.optimizer))
    room = physical_memory()
    if room is not None and least > room:
        raise ConfigError(
            f"this model has {shape.parameters:,} parameters; they and what {config.optimizer} "
            f"keeps of them take {size(least)}, and this machine has {size(room)} of memory: use "
            "a lower --d-model, fewer --layers, or --merges for fewer ids"
        )


def physical_memory() -> int | None:
    """Bytes of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # there is no `sysconf` on Windows
        return None


def needs_of(trainer: Trainer, folder: Path, capture: bool) -> Needs:
    """What the rest of a run will take; `folder` need not exist yet."""
    model, config = trainer.model, trainer.config
    memory = footprint(model.config, config, model.device.backend, model.dtype, capture)
    one = checkpoint_size(trainer, memory.moments // memory.weights)
    return Needs(memory, one, at_one_time(trainer), held_by(folder), FILES.free(folder))


def held_by(folder: Path) -> int:
    """Bytes of the checkpoints that lie there; 0 where the system does not say."""
    with suppress(OSError):
        return sum(path.stat().st_size for path in folder.glob("step-*.safetensors"))
    return 0


def checkpoint_size(trainer: Trainer, moments: int) -> int:
    """Bytes of one checkpoint with so many moments, to a few per mille."""
    flat = trainer.model.flat()
    payload = flat.count * ITEMSIZE[flat.dtype] * (1 + moments)
    header = ENTRY * len(flat.parameters) * (1 + moments)
    vocabulary = json.dumps(json.dumps(trainer.tokenizer.to_json()))  # text within text
    return payload + header + len(vocabulary)


def at_one_time(trainer: Trainer) -> int:
    """The most checkpoints that can lie there at once: those kept, the best, and a new one."""
    config, begun, end = trainer.config, trainer.steps, trainer.config.steps
    steps = {end}
    for every in (config.save_every, config.eval_every):  # a validation may be the best so far
        steps.update(range(begun - begun % every + every, end, every) if every else ())
    most = config.keep_last + 1 + bool(config.eval_every)
    return min(len(steps), most) if config.keep_last else len(steps)


def paced(trainer: Trainer) -> Pace:
    """Take a few steps and a validation, and time them. The trainer is of no use afterwards."""
    config = trainer.config
    left = config.steps - trainer.steps
    seconds = []
    for _ in range(min(TRIED, left)):
        start = perf_counter()
        trainer.step()
        seconds.append(perf_counter() - start)
        # The first may compile for longer than that, and says nothing of the others.
        if len(seconds) > 1 and sum(seconds) > LONGEST:
            break
    tokens, size = trainer.data.val, config.batch_size
    mean_loss(trainer.model, tokens, size, 1)  # which may compile, too
    start = perf_counter()
    mean_loss(trainer.model, tokens, size, size)
    window = (perf_counter() - start) / size
    full = max(1, (len(tokens) - 1) // trainer.model.config.context)
    validations = left // config.eval_every if config.eval_every else 0
    windows = validations * min(config.eval_windows, full) + full
    return Pace(min(seconds), window, left, windows)

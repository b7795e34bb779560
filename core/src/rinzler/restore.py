"""The model in a checkpoint: what it is described as, and how it comes back.

A checkpoint holds the weights under the names of the model's parameters, and the optimizer's
moments under the same names with a prefix. To generate or to measure needs the first alone.
Leaves out: going on with training (`Trainer.restore`). Read next: `trainer.py`.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, fields
from typing import TypeGuard

import numpy as np

from rinzler.checkpoint import Checkpoint
from rinzler.data import Tokenizer, tokenizer_from_json
from rinzler.errors import CheckpointError, ConfigError
from rinzler.gpt import GPT, GPTConfig
from rinzler.ops import Device

OPTIMIZER_PREFIX = "optimizer."
MOST_STEPS = 10**18  # what the name of a checkpoint has digits for


def split_tensors(saved: Checkpoint) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(weights, optimizer moments) of a checkpoint."""
    weights, moments = {}, {}
    for name, array in saved.tensors.items():
        if name.startswith(OPTIMIZER_PREFIX):
            moments[name.removeprefix(OPTIMIZER_PREFIX)] = array
        else:
            weights[name] = array
    return weights, moments


def check_dtype(saved: Checkpoint, dtype: str) -> None:
    """Raises CheckpointError unless all tensors have it: a run that goes on must not round."""
    for name, array in saved.tensors.items():
        if array.dtype.name != dtype:
            raise CheckpointError(
                f'tensor "{name}" is {array.dtype.name}, expected {dtype}, which the run computes '
                "in. Use another checkpoint of the run, or take the weights: --init"
            )


@dataclass(frozen=True)
class Progress:
    """How far a run had come, besides its arrays."""

    steps: int
    recent: tuple[float, ...]  # losses of the last steps
    norms: tuple[float, ...]  # and norms of their gradients
    spiked: int | None  # the step at which a norm was last far above them
    best: tuple[int, float] | None  # (step, loss) of the lowest validation

    @classmethod
    def of(cls, saved: Checkpoint) -> Progress:
        """What a checkpoint says. Raises CheckpointError for what no run can have written."""
        steps = saved.meta.get("step")
        recent, norms = (saved.meta.get(name, []) for name in ("recent_losses", "recent_norms"))
        spiked, best = saved.meta.get("spiked"), saved.meta.get("best")
        good = (
            all(isinstance(each, list) for each in (recent, norms))
            and all(type(number) is float for number in (*recent, *norms))
            and (spiked is None or _is_step(spiked))
            and (best is None or _is_measured(best))
        )
        if not good or not _is_step(steps):
            raise CheckpointError(
                f"this checkpoint is of no run: step is {reprlib.repr(steps)}, best is "
                f"{reprlib.repr(best)}. Use another one of the run, or take the weights: --init"
            )
        return cls(steps, tuple(recent), tuple(norms), spiked, tuple(best) if best else None)


def _is_step(number: object) -> TypeGuard[int]:
    return type(number) is int and 0 <= number < MOST_STEPS


def _is_measured(best: object) -> bool:
    """Whether it is a step with a loss."""
    return isinstance(best, list) and [type(each) for each in best] == [int, float] and best[0] >= 0


def described(saved: Checkpoint) -> tuple[GPTConfig, Tokenizer, str]:
    """(shape, tokenizer, dtype) of the model in a checkpoint.

    Raises CheckpointError, also where the weights are not as many as such a model has: a few words
    in a file must not ask for more memory than the file itself has.
    """
    try:
        config = shape_of(saved)
        tokenizer = tokenizer_from_json(saved.meta["tokenizer"])
        dtype = str(saved.meta["dtype"])
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"this checkpoint does not describe a GPT: {type(error).__name__}: {error}"
        ) from error
    held = sum(array.size for array in split_tensors(saved)[0].values())
    if held != config.parameters:
        raise CheckpointError(
            f"this checkpoint holds {held:,} numbers as weights, and describes a model of "
            f"{config.parameters:,}. Use another checkpoint of the run"
        )
    return config, tokenizer, dtype


def shape_of(saved: Checkpoint) -> GPTConfig:
    """What a checkpoint says of the shape, which nothing has compared with its weights.

    Raises KeyError, TypeError, AttributeError, ConfigError for what is no shape.
    """
    known = {field.name for field in fields(GPTConfig)}
    return GPTConfig(
        **{name: value for name, value in saved.meta["model"].items() if name in known}
    )


def load_model(saved: Checkpoint, device: Device | str | None = None) -> tuple[GPT, Tokenizer]:
    """The model and tokenizer of a checkpoint, to generate with."""
    config, tokenizer, dtype = described(saved)
    model = GPT(config, device=device, dtype=dtype)
    model.load(split_tensors(saved)[0])
    return model, tokenizer

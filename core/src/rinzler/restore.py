"""The model in a checkpoint: what it is described as, and how it comes back.

A checkpoint holds the weights under the names of the model's parameters, and the optimizer's
moments under the same names with a prefix. To generate or to measure needs the first alone.
Leaves out: going on with training (`Trainer.restore`). Read next: `train.py`.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from rinzler.checkpoint import Checkpoint
from rinzler.data import Tokenizer, tokenizer_from_json
from rinzler.errors import CheckpointError, ConfigError
from rinzler.gpt import GPT, GPTConfig
from rinzler.ops import Device

OPTIMIZER_PREFIX = "optimizer."


def split_tensors(saved: Checkpoint) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(weights, optimizer moments) of a checkpoint."""
    weights, moments = {}, {}
    for name, array in saved.tensors.items():
        if name.startswith(OPTIMIZER_PREFIX):
            moments[name.removeprefix(OPTIMIZER_PREFIX)] = array
        else:
            weights[name] = array
    return weights, moments


def described(saved: Checkpoint) -> tuple[GPTConfig, Tokenizer, str]:
    """(shape, tokenizer, dtype) of the model in a checkpoint. Raises CheckpointError."""
    try:
        known = {field.name for field in fields(GPTConfig)}
        shape = {name: value for name, value in saved.meta["model"].items() if name in known}
        config = GPTConfig(**shape)
        tokenizer = tokenizer_from_json(saved.meta["tokenizer"])
        dtype = str(saved.meta["dtype"])
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"this checkpoint does not describe a GPT: {type(error).__name__}: {error}"
        ) from error
    return config, tokenizer, dtype


def load_model(saved: Checkpoint, device: Device | str | None = None) -> tuple[GPT, Tokenizer]:
    """The model and tokenizer of a checkpoint, to generate with."""
    config, tokenizer, dtype = described(saved)
    model = GPT(config, device=device, dtype=dtype)
    model.load(split_tensors(saved)[0])
    return model, tokenizer

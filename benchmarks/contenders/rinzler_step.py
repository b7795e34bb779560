"""Rinzler's training step, written as a user of the library would write it.

The variant is the backend's name. Model, loss, clipping and optimizer are the library's own: no
shortcut is taken here that `rinzler-train` does not take.

Read next: `rinzler.gpt` and `rinzler.optim` in the library; `torch_step.py`, the other side.
"""

from __future__ import annotations

from importlib import metadata

import numpy as np
from configs import ADAMW, CLIP, StepConfig, initial_weights
from contenders.worker import Contender, serve

from rinzler.gpt import GPT, GPTConfig
from rinzler.optim import AdamW, measure


def make(config: StepConfig, variant: str) -> Contender:
    """The model with the shared weights on the backend `variant`, and its step."""
    shape = GPTConfig(
        vocab_size=config.vocab_size,
        context=config.context,
        d_model=config.d_model,
        layers=config.layers,
        heads=config.heads,
    )
    model = GPT(shape, device=variant)
    model.load(initial_weights(config))
    optimizer = AdamW(model, **ADAMW)

    def step(ids: np.ndarray, targets: np.ndarray) -> float:
        optimizer.zero_grad()
        loss = model.loss(model.ids(ids), model.ids(targets))
        loss.backward()
        optimizer.step(measure(model, CLIP))
        value = loss.item()
        model.device.synchronize()  # reading the loss does not wait for AdamW
        return value

    return Contender(step, {"rinzler": metadata.version("rinzler-core")})


if __name__ == "__main__":
    serve(make)

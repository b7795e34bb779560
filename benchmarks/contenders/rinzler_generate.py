"""Rinzler writes a text: `generate_ids`, the likeliest id each time, until the context is full.

The variant is the backend's name, or the name and "-whole" for the way that keeps nothing and reads
the whole window again for every id (`rinzler.generate.naive`). All that a call needs is in its
time: room for keys and values, reading the prompt, recording the step.
Read next: `torch_generate.py`, the other side.
"""

from __future__ import annotations

from importlib import metadata
from itertools import islice

import numpy as np
from configs import StepConfig
from contenders.rinzler_step import shared_model
from contenders.worker import Contender, Maker, serve

WHOLE = "-whole"


def load(variant: str) -> None:
    """Import the library and the backend."""
    import rinzler.generate  # noqa: F401 - the import is what is wanted
    from rinzler.plugins import open_device

    open_device(variant.removesuffix(WHOLE))


def make(config: StepConfig, variant: str) -> Contender:
    """The shared weights on a backend, and a text as a step."""
    from rinzler.generate import Sampling, generate_ids
    from rinzler.generate.naive import naive_ids
    from rinzler.plugins import open_device

    device = open_device(variant.removesuffix(WHOLE))
    model = shared_model(config, device)
    greedy = Sampling(tokens=config.context, temperature=0.0)

    def text(ids: np.ndarray, targets: np.ndarray) -> float:
        prompt = ids[0, :1].tolist()
        if variant.endswith(WHOLE):
            return as_number(list(islice(naive_ids(model, prompt, greedy), config.context)))
        return as_number(list(generate_ids(model, prompt, greedy)))

    versions = {"rinzler": metadata.version("rinzler-core")}
    return Contender(text, lambda: {**versions, "backend": device.backend.caps.device_text})


def as_number(text: list[int]) -> float:
    """A text as a number that any other id in it changes: what must be the same on all sides."""
    value = 1
    for number in text:
        value = (31 * value + number) % 999_983  # a prime
    return float(value)


if __name__ == "__main__":
    serve(Maker(load, make))

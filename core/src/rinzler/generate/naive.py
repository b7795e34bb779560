"""Sampling, one token at a time: the definition, to be read and to be compared with.

The model reads the window, says how likely each id is, one id is drawn and appended. Every token
reads the whole window again, so n tokens cost n² positions; `decoder.py` pays for each only once,
and a test holds the two equal.

The window is what the model sees. Once it is full, it starts over with its newer half, because a
position cannot be moved: its embedding is added at the very bottom. So a model of context T sees
between T/2 and T ids, and never fewer than it must.
Read next: `drawing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rinzler.autograd import no_grad
from rinzler.config import Sampling
from rinzler.generate.drawing import Draws
from rinzler.gpt import GPT


def naive_ids(
    model: GPT, prompt: Sequence[int], sampling: Sampling, sample: int = 0
) -> Iterator[int]:
    """Ids that go on with the prompt, without end."""
    window = first_window(prompt, model.config.context)
    draws = Draws(sampling, model.config.vocab_size, [prompt], [sample])
    while True:
        drawn = int(draws.next(logits(model, window)[None])[0])  # (1, V) -> (1,)
        yield drawn
        window = next_window(window, drawn, model.config.context)


def logits(model: GPT, window: Sequence[int]) -> np.ndarray:
    """(V,) of the id after these."""
    with no_grad(), model.evaluating():
        return model(model.ids(np.array([window]))).numpy()[0, -1]  # (1, T) -> (1, T, V) -> (V,)


def first_window(prompt: Sequence[int], context: int) -> list[int]:
    """What is seen of a prompt: its newest ids. An empty one stands for id 0."""
    return list(prompt[-context:]) or [0]


def next_window(window: list[int], drawn: int, context: int) -> list[int]:
    """One id more; where that is too many, the newer half of them."""
    window = [*window, drawn]
    return window if len(window) <= context else window[-newer_half(context) :]


def newer_half(context: int) -> int:
    """How many ids are kept of a full window."""
    return max(context // 2, 1)

"""Rung 6b: sampling, one token at a time.

The model says how likely each id is to come next; temperature sharpens or flattens that, one id is
drawn, appended, and the question asked again. A draw depends on (seed, position) alone, so the same
seed continues the same prompt with the same text. Past the context the oldest ids drop out of
sight.

Leaves out: a cache of keys and values; every token reads its whole context again.
Read next: `checkpoint/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from rinzler.autograd import no_grad
from rinzler.data import Tokenizer
from rinzler.errors import ConfigError
from rinzler.gpt import GPT
from rinzler.philox import Key, Stream, choice


def generate_ids(
    model: GPT, prompt: Sequence[int], temperature: float = 1.0, seed: int = 0
) -> Iterator[int]:
    """Ids that continue the prompt, without end: take as many as you want.

    `temperature` 0 always takes the likeliest id; 1 samples as the model believes. An empty prompt
    starts from id 0. Raises ConfigError for a negative temperature.
    """
    if not temperature >= 0:
        raise ConfigError(f"temperature is {temperature}, expected 0 or more")
    ids = list(prompt) or [0]
    position = 0
    while True:
        probabilities = next_probabilities(model, ids, temperature)
        if temperature == 0:
            drawn = int(np.argmax(probabilities))
        else:
            drawn = int(choice(Key(seed, Stream.SAMPLE, step=position), probabilities))
        yield drawn
        ids = [*ids, drawn][-model.config.context :]
        position += 1


def next_probabilities(model: GPT, ids: Sequence[int], temperature: float = 1.0) -> np.ndarray:
    """(V,) probabilities of the next id, in float64; temperature 0 gives those of 1."""
    window = np.array([ids[-model.config.context :]])  # (1, T)
    was_training = model.training
    model.eval()
    with no_grad():
        logits = model(model.ids(window))[:, -1]  # (1, T, V) -> (1, V)
    model.train(was_training)
    scores = logits.numpy()[0].astype(np.float64) / (temperature or 1.0)
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def generate(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str = "\n",
    tokens: int = 256,
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[str]:
    """Text that continues the prompt, in pieces as they become readable.

    A character of several bytes comes out whole or not at all: a piece may be empty while its bytes
    arrive, and bytes that never become a character end as U+FFFD.
    """
    ids = generate_ids(model, tokenizer.encode(prompt).tolist(), temperature, seed)
    return tokenizer.decode_stream(islice(ids, tokens))

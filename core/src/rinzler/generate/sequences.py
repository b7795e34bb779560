"""Several texts that grow side by side, an id each at a time.

Each has its own window and its own place in it, so prompts of different lengths share a step; the
short ones are not padded. A prompt is read alone, as is a window that starts over: what one text
sees never depends on what stands beside it. Only the step is shared, and there a library for matrix
products may round a row differently in company; draws stay the same (`drawing.py`).
Leaves out: characters. Read next: `texts.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

import numpy as np

from rinzler.config import Sampling
from rinzler.generate.decoder import Decoder
from rinzler.generate.decoders import Decoders
from rinzler.generate.drawing import Draws
from rinzler.generate.naive import first_window, newer_half
from rinzler.gpt import GPT


def generate_ids(
    model: GPT,
    prompt: Sequence[int],
    sampling: Sampling | None = None,
    stop_ids: Sequence[int] = (),
    sample: int = 0,
    decoders: Decoders | None = None,
) -> Iterator[int]:
    """Ids that go on with the prompt: `sampling.tokens` of them, or up to one of `stop_ids`.

    An empty prompt starts from id 0. `sample` is another text of the same seed; with `decoders` a
    text need not record a step that another has. Raises OutOfMemoryError, NumericsError.
    """
    sampling = sampling or Sampling()
    with closing(grow(model, [prompt], sampling, [sample], decoders)) as grown:
        for _ in range(sampling.tokens):
            (drawn,) = next(grown)
            if drawn in stop_ids:
                return
            yield drawn


def grow(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    samples: Sequence[int],
    decoders: Decoders | None = None,
) -> Generator[list[int], None, None]:
    """The next id of each of B texts, without end. Raises OutOfMemoryError, NumericsError.

    Close it: what strikes while the garbage collector does, Ctrl-C too, would be lost.
    """
    decoders = decoders or Decoders(model)
    decoder = decoders.take(model, len(prompts))
    texts = Sequences(decoder, prompts)
    draws = Draws(sampling, model.config.vocab_size, prompts, samples)
    try:
        while True:
            drawn = draws.next(texts.logits)  # (B, V) -> (B,)
            yield drawn.tolist()
            texts.append(drawn)
    except GeneratorExit:  # nobody wants more; after an error nobody gets this decoder
        decoders.give_back(decoder)
        raise


class Sequences:
    """B texts as the model sees them, and the logits (B, V) of what comes next in each."""

    def __init__(self, decoder: Decoder, prompts: Sequence[Sequence[int]]) -> None:
        self.context = decoder.model.config.context
        self.decoder = decoder
        self.windows = [first_window(prompt, self.context) for prompt in prompts]
        read = [self.decoder.read(b, window) for b, window in enumerate(self.windows)]
        self.logits = np.stack(read)

    def append(self, ids: np.ndarray) -> None:
        """One more id for each, (B,). A window that is full starts over with its newer half."""
        places = np.array([len(window) for window in self.windows])  # (B,): where they go
        for window, number in zip(self.windows, ids.tolist(), strict=True):
            window.append(number)
        full = np.flatnonzero(places == self.context).tolist()
        if len(full) < len(places):
            # A text whose window is full steps in place, for it is read again right after.
            self.logits = self.decoder.step(ids, np.minimum(places, self.context - 1))
        for b in full:
            del self.windows[b][: -newer_half(self.context)]
            self.logits[b] = self.decoder.read(b, self.windows[b])

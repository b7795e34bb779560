"""Decoders that are free: what one text has recorded, the next one replays.

    decoders = Decoders(model)
    for prompt in prompts:
        text = "".join(generate(model, tokenizer, prompt, decoders=decoders))

A step is recorded in its first two calls and laid out in memory after that (`capture.py`): some
milliseconds, seconds where shaders are compiled, and each `Decoder` pays anew. The tape fits every
text of that model, for only the number of texts side by side is in its shapes. So a text takes one
that is free, and gives it back; two that grow at the same time have one each.
Leaves out: reading a prompt, which is of another length each time. Read next: `sequences.py`.
"""

from __future__ import annotations

from rinzler.errors import ConfigError, OutOfMemoryError
from rinzler.generate.decoder import Decoder
from rinzler.gpt import GPT
from rinzler.ops import fused

MOST = 4  # that are kept free: each holds the keys and values of its texts


class Decoders:
    """Of one model, for any number of texts. Without `capture` nothing is recorded."""

    def __init__(self, model: GPT, capture: bool = True) -> None:
        self.model = model
        self.capture = capture
        self._free: dict[tuple[int, bool], Decoder] = {}  # the one that was used last stands last

    def take(self, model: GPT, sequences: int) -> Decoder:
        """One that is the caller's alone. Raises OutOfMemoryError, ConfigError."""
        if model is not self.model:
            raise ConfigError(
                "these decoders are of another model than the one that is to write: "
                "make Decoders(model) for it"
            )
        decoder = self._free.pop((sequences, fused()), None)
        if decoder is not None:
            return decoder
        try:
            return Decoder(model, sequences, self.capture)
        except OutOfMemoryError:
            if not self._free:
                raise
            self._free.clear()
            return Decoder(model, sequences, self.capture)

    def give_back(self, decoder: Decoder) -> None:
        """Keep it for whoever comes next."""
        # Which kernels there are is frozen in a tape: one of `no_fused` is of use only there.
        key = (decoder.sequences, decoder.fused)
        self._free.pop(key, None)
        self._free[key] = decoder
        if len(self._free) > MOST:
            del self._free[next(iter(self._free))]

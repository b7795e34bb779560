"""A model that remembers: each position is computed once, however long the text becomes.

Attention is the only part of a GPT that looks at other positions, and all it wants of them are
their keys and values, which never change. So they are kept, for every block (B, H, T, D) twice, and
a token costs one position instead of the whole window: O(T) work in attention, none elsewhere.
Shazeer 2019, arXiv:1911.02150, has the arithmetic.

`read` takes a whole prompt in one call; `step` one more id of every sequence. Which place an id
goes to is data, an array, so one recorded step (`capture.py`) serves every place of every text.
Leaves out: what to do with logits. Read next: `decoders.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import lcm

import numpy as np

from rinzler.autograd import no_grad
from rinzler.capture import Captured
from rinzler.config import GPTConfig
from rinzler.errors import OutOfMemoryError
from rinzler.gpt import GPT, Past
from rinzler.ops import Array, Device, fused
from rinzler.ops.spec import ITEMSIZE
from rinzler.tensor import Tensor


def cache_places(config: GPTConfig, device: Device, dtype: str) -> int:
    """T of the caches: the context, and a little more, so that each sequence begins aligned."""
    row = config.d_model * ITEMSIZE[dtype]  # bytes of one place in all heads
    step = lcm(row, device.backend.caps.alignment) // row
    return -(-config.context // step) * step


def cache_bytes(model: GPT, sequences: int) -> int:
    """What the keys and values of so many sequences take on the model's device."""
    config = model.config
    places = cache_places(config, model.device, model.dtype)
    each = places * config.d_model * ITEMSIZE[model.dtype]
    return 2 * config.layers * sequences * each


class Decoder:
    """The logits of what comes next, for each of B sequences. Raises OutOfMemoryError."""

    def __init__(self, model: GPT, sequences: int, capture: bool = True) -> None:
        self.model = model
        self.sequences = sequences
        self.fused = fused()  # what its tape is of
        self.device = device = model.device
        config = model.config
        places = cache_places(config, device, model.dtype)
        self._size = places * config.d_model  # of one sequence in a cache: H·T·D
        heads = config.heads
        self._shape = (heads, places, config.d_model // heads)  # (H, T, D)
        try:
            self._caches = [
                tuple([device.empty((sequences, *self._shape), model.dtype) for _ in "kv"])
                for _ in range(config.layers)
            ]
        except OutOfMemoryError as cause:
            raise OutOfMemoryError(
                f"the keys and values of {sequences} texts at once take "
                f"{cache_bytes(model, sequences) / 2**20:.1f} MiB. Generate fewer at a time: "
                f"give less to --prompt and --num-samples. {cause}"
            ) from cause
        self._start = device.full((1,), 0, "int32")
        self._ids = device.full((sequences,), 0, "int32")
        self._places = device.full((sequences,), 0, "int32")
        # A plain function and no method of this object: it would hold itself, until the collector
        # comes by.
        work = partial(one_more, model, self._ids, self._places, self._past(self._places))
        inputs = {"ids": self._ids, "places": self._places}
        self._step = Captured(work, device, inputs, eager=not capture)

    def read(self, sequence: int, ids: Sequence[int]) -> np.ndarray:
        """Begin a sequence anew with 1 to T ids; the logits (V,) of the next."""
        model = self.model
        row = np.array([ids], np.int32)  # (1, N)
        with no_grad(), model.evaluating():
            logits = model.following(
                model.ids(row),
                model.ids(np.arange(row.size).reshape(row.shape)),
                self._past(self._start, sequence),
            )
        return logits.numpy()[0]  # (1, V) -> (V,)

    def step(self, ids: np.ndarray, places: np.ndarray) -> np.ndarray:
        """One id of each sequence, (B,), for the places (B,) below T; logits (B, V) of the next."""
        self._step.feed({"ids": ids, "places": places})
        (logits,) = self._step()
        return logits

    def _past(self, position: Array, sequence: int | None = None) -> list[Past]:
        """The caches of all sequences, or of one."""

        def tensor(cache: Array) -> Tensor:
            if sequence is not None:
                cache = cache.part(sequence * self._size, (1, *self._shape))
            return Tensor._of(cache)

        place = Tensor._of(position)
        return [Past(tensor(keys), tensor(values), place) for keys, values in self._caches]


def one_more(model: GPT, ids: Array, places: Array, past: Sequence[Past]) -> tuple[Array]:
    """The step on the device: (B,) ids at (B,) places -> (B, V) logits."""
    column = (*ids.shape, 1)  # (B,) -> (B, 1): one new position each
    with no_grad(), model.evaluating():
        rows, at = Tensor._of(ids.reshape(column)), Tensor._of(places.reshape(column))
        return (model.following(rows, at, past).array,)

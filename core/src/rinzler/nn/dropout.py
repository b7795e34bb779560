"""Dropout, with masks that are a function of the step and not of what ran before.

Read next: `rinzler.optim`.
"""

from __future__ import annotations

import numpy as np

from rinzler.errors import ConfigError
from rinzler.nn.module import Module
from rinzler.ops import Array, Device
from rinzler.ops.random import random_uniform
from rinzler.philox import Key, Stream
from rinzler.tensor import Tensor, device_for


class DropoutKey:
    """The random key that all dropout layers of one model share, as a buffer on the device.

    A layer's mask depends on (seed, step, micro-step, site) alone, so a resumed run draws the same
    masks without replaying anything. A step of several micro-steps has a buffer for each: `feed`
    uploads them all ahead of it, `take` goes from one to the next and moves no data.
    """

    def __init__(self, seed: int = 0, device: Device | str | None = None) -> None:
        self.seed = seed
        self.step = 0
        self.words: Array = device_for(device).array(self._key(0, 0))  # what layers read
        self._micros = [self.words]

    def _key(self, step: int, micro: int) -> np.ndarray:
        return Key(self.seed, Stream.DROPOUT, step=step, micro=micro).words()

    def set(self, step: int, micro: int = 0) -> None:
        """Draw the masks of this step from now on."""
        self.step = step
        self.words.upload(self._key(step, micro))

    def feed(self, step: int, micros: int = 1) -> None:
        """Upload the keys of all micro-steps of a step; `take` chooses among them."""
        self.step = step
        for micro in range(micros):
            if micro == len(self._micros):
                self._micros.append(self.words.device.array(self._key(step, micro)))
            self._micros[micro].upload(self._key(step, micro))

    def take(self, micro: int) -> None:
        """Draw the masks of this micro-step from now on."""
        self.words = self._micros[micro]


class Dropout(Module):
    """Zero each element with probability p and scale the rest by 1/(1 − p), in training only.

    Srivastava et al. 2014. Without a key of the model's, a layer has its own and takes a fresh mask
    at every call.
    """

    def __init__(self, p: float, key: DropoutKey | None = None, site: int = 0) -> None:
        if not 0.0 <= p < 1.0:
            raise ConfigError(f"dropout is {p}, expected 0 ≤ p < 1")
        self.p = p
        self.shared_key = key
        self.own_key: DropoutKey | None = None
        self.site = site

    def __call__(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        uniform = Tensor._of(random_uniform(self._words(x), x.shape, x.dtype, self.site))
        return x * ((uniform < 1.0 - self.p) * (1.0 / (1.0 - self.p)))

    def _words(self, x: Tensor) -> Array:
        if self.shared_key is not None:
            return self.shared_key.words
        if self.own_key is None:
            self.own_key = DropoutKey(device=x.device)
        else:
            self.own_key.set(self.own_key.step + 1)
        return self.own_key.words

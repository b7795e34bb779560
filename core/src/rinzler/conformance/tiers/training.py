"""The small GPTs that `capture`, `train` and `determinism` take steps of.

They learn to continue a sequence that is computed here, so that nothing has to be loaded.
Read next: `train.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rinzler.config import GPTConfig
from rinzler.data import Batches
from rinzler.gpt import GPT
from rinzler.ops import Device
from rinzler.optim import AdamW
from rinzler.step import Step

V = 61  # ids; no power of two, and more than some sizes below


@dataclass(frozen=True)
class Shape:
    """A model and its batches."""

    batch: int
    context: int
    d_model: int
    heads: int
    layers: int = 2
    dropout: float = 0.0
    accumulate: int = 1

    @property
    def config(self) -> GPTConfig:
        return GPTConfig(V, self.context, self.d_model, self.layers, self.heads, self.dropout)


SHAPES = {
    "3x8x12": Shape(3, 8, 12, 3),
    "1x33x32-dropout": Shape(1, 33, 32, 4, layers=1, dropout=0.1),
    "4x16x48-accumulate": Shape(4, 16, 48, 2, accumulate=2),
}


def tokens() -> np.ndarray:
    n = np.arange(5000)
    return (n * n // 7 % V).astype(np.int32)


class Run:
    """A model in training: `take` takes a step."""

    def __init__(self, device: Device, shape: Shape, dtype: str = "float32") -> None:
        self.shape = shape
        self.model = GPT(shape.config, 7, device, dtype)
        # float64 weights begin as float32 ones do: then their curves can be compared.
        start = {name: host.astype(np.float32) for name, host in self.weights().items()}
        self.model.load(start)
        optimizer = AdamW(self.model, lr=3e-3, weight_decay=0.1)
        self.step = Step(self.model, optimizer, shape.batch, shape.accumulate, clip_grad=1.0)
        self._batches = Batches(tokens(), shape.batch, shape.context, seed=3)
        self._number = 0

    def take(self) -> tuple[float, float]:
        """One update: the loss before it, the gradient's norm."""
        micros = range(self.shape.accumulate)
        drawn = [self._batches.draw(self._number, micro) for micro in micros]
        self._number += 1
        return self.step(drawn)

    def weights(self) -> dict[str, np.ndarray]:
        return self.model.state()

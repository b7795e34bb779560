"""What is to be fast: a model's shape, and the part of the training that decides about speed.

Of `TrainConfig` that are the optimizer, clipping and the batch; rates and lengths change no step's
time. Read next: `worker.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from rinzler.config import GPTConfig, TrainConfig

TRAINING = ("batch_size", "accumulate", "optimizer", "clip_grad")
SHAPE = tuple(field.name for field in fields(GPTConfig) if field.name != "vocab_size")


@dataclass(frozen=True)
class Workload:
    """Training steps of a model."""

    model: GPTConfig
    training: TrainConfig
    dtype: str = "float32"

    @property
    def sequences(self) -> int:
        """In one update."""
        return self.training.batch_size * self.training.accumulate

    def to_json(self) -> dict[str, Any]:
        training = asdict(self.training)
        return {
            "model": self.model.to_json(),
            "training": {name: training[name] for name in TRAINING},
            "dtype": self.dtype,
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Workload:
        """Raises ConfigError for settings out of range."""
        model = GPTConfig(**record["model"])
        return cls(model, TrainConfig(**record["training"]), record["dtype"])

    def shape(self) -> dict[str, Any]:
        """What a stored measurement has to agree with.

        The vocabulary is left out: it follows from a text's tokenizer, which is known only once the
        text has been read, and a few hundred tokens more or less make no other backend the fastest.
        """
        record = self.to_json()
        shape = {name: record["model"][name] for name in SHAPE}
        return shape | {"optimizer": self.training.optimizer, "dtype": self.dtype}

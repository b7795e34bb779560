"""What is measured: the sizes C1 to C3 of a step, G1 of a text, the settings of a run, their data.

Every contender gets the same initial weights and the same batches, made here with numpy alone, so
that the losses of two contenders must agree before their times mean anything. C1 is a small model
with a large vocabulary, where overhead shows; C2 is nanoGPT's CPU setting; C3 is its GPU setting,
where matrix products are all that counts.

Read next: `contenders/worker.py`, the process that takes a measured step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

ADAMW: dict[str, Any] = {"lr": 1e-3, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}
CLIP = 1.0  # the largest global gradient norm that reaches the optimizer
BATCHES = 8  # how many different batches a run goes through, in turn
SEED = 1234


@dataclass(frozen=True)
class StepConfig:
    """One model size with its batch; GPT-2 with biases and a tied head."""

    d_model: int  # C
    layers: int
    heads: int  # H
    context: int  # T
    batch: int  # B
    vocab_size: int  # V
    steps: int = 60  # measured steps a side, where nobody says otherwise
    warmup: int = 10  # steps before them: caches, thread pools, compilers and captures settle

    @property
    def tokens(self) -> int:
        """How many tokens one step learns from."""
        return self.batch * self.context


CONFIGS = {
    "C1": StepConfig(d_model=64, layers=4, heads=4, context=128, batch=8, vocab_size=1000),
    "C2": StepConfig(d_model=128, layers=4, heads=4, context=64, batch=12, vocab_size=65),
    "C3": StepConfig(
        d_model=384, layers=6, heads=6, context=256, batch=16, vocab_size=65, steps=12, warmup=4
    ),
    # A text, not a step: `generate.py`. One id is the prompt, and the context is written full.
    "G1": StepConfig(
        d_model=64, layers=4, heads=4, context=512, batch=1, vocab_size=1000, steps=10, warmup=2
    ),
}


@dataclass(frozen=True)
class RunConfig:
    """A whole training run on bytes of text; no biases, tied head, no dropout, AdamW with CLIP."""

    d_model: int = 128
    layers: int = 4
    heads: int = 4
    context: int = 64
    batch: int = 12
    vocab_size: int = 256  # bytes
    steps: int = 2000
    warmup: int = 100
    min_lr: float = 1e-4  # where the cosine ends; it starts at ADAMW's rate
    val_fraction: float = 0.1  # the end of the text
    eval_every: int = 250
    eval_batches: int = 20  # of the training text, and as many of the validation text


SHAKESPEARE = RunConfig()  # nanoGPT's setting for a CPU
SHAKESPEARE_LIMIT = 1.90  # nats: the median validation loss must not be above


def sizes(config: StepConfig | RunConfig) -> dict[str, int]:
    """The shape of the model, as the constructors of both sides take it."""
    names = ("vocab_size", "context", "d_model", "layers", "heads")
    return {name: getattr(config, name) for name in names}


def initial_weights(config: StepConfig, seed: int = SEED) -> dict[str, np.ndarray]:
    """GPT-2's initialisation as float32 arrays under the names that both sides use."""
    rng = np.random.default_rng(seed)
    residual_std = 0.02 / math.sqrt(2 * config.layers)
    width = config.d_model

    def normal(std: float, *shape: int) -> np.ndarray:
        return (std * rng.standard_normal(shape)).astype(np.float32)

    weights = {
        "wte.weight": normal(0.02, config.vocab_size, width),  # (V, C)
        "wpe.weight": normal(0.02, config.context, width),  # (T, C)
        "ln_f.weight": np.ones(width, np.float32),
        "ln_f.bias": np.zeros(width, np.float32),
    }
    projections = {  # name -> (in, out, standard deviation)
        "attn.c_attn": (width, 3 * width, 0.02),
        "attn.c_proj": (width, width, residual_std),
        "mlp.c_fc": (width, 4 * width, 0.02),
        "mlp.c_proj": (4 * width, width, residual_std),
    }
    for layer in range(config.layers):
        for norm in ("ln_1", "ln_2"):
            weights[f"h.{layer}.{norm}.weight"] = np.ones(width, np.float32)
            weights[f"h.{layer}.{norm}.bias"] = np.zeros(width, np.float32)
        for name, (d_in, d_out, std) in projections.items():
            weights[f"h.{layer}.{name}.weight"] = normal(std, d_in, d_out)
            weights[f"h.{layer}.{name}.bias"] = np.zeros(d_out, np.float32)
    return weights


def batches(config: StepConfig, seed: int = SEED) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random (ids, targets), each (B, T) int64: speed does not ask what the tokens say."""
    rng = np.random.default_rng(seed + 1)
    shape = (config.batch, config.context)
    return [
        (
            rng.integers(0, config.vocab_size, shape),  # (B, T)
            rng.integers(0, config.vocab_size, shape),  # (B, T)
        )
        for _ in range(BATCHES)
    ]

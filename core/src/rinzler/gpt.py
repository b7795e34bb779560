"""Rung 6a: GPT-2, the model, on one page.

A stack of blocks reads a sequence of ids and says, at every position, how likely each id is to come
next. A block adds to the stream x what attention gathers from earlier positions, then what an MLP
makes of each position alone; layer norms stand before each, inside the branch, so that the stream
itself runs through untouched (Radford et al. 2019; pre-norm: Xiong et al. 2020, arXiv:2002.04745).

To generate, the same blocks read a few new positions at a time: `following`, where attention looks
up what it kept of the earlier ones.

Parameters carry the names that GPT-2 files have. Leaves out: dropout inside attention (on the
embeddings, after attention and after the MLP it is there), rotary positions, grouped heads.
Read next: `generate/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from rinzler import functional as F
from rinzler.config import GPTConfig
from rinzler.errors import ShapeError
from rinzler.nn import (
    Dropout,
    DropoutKey,
    Embedding,
    Initializer,
    LayerNorm,
    Linear,
    LinearGELU,
    Module,
)
from rinzler.ops import Device
from rinzler.tensor import Tensor, device_for

STD = 0.02  # GPT-2's initial standard deviation of every weight


class Past(NamedTuple):
    """What one attention keeps of the positions before: their keys and values."""

    keys: Tensor  # (B, H, T, D)
    values: Tensor  # (B, H, T, D)
    position: Tensor  # (B,) int32: how many each sequence has there, and where the next one goes


class GPT(Module):
    """ids (B, T) -> logits (B, T, V)."""

    def __init__(
        self,
        config: GPTConfig,
        seed: int = 0,
        device: Device | str | None = None,
        dtype: str = "float32",
        init: Initializer | None = None,
    ) -> None:
        self.config = config
        self.device = device_for(device)
        self.dtype = dtype
        self.dropout_key = DropoutKey(seed, self.device)
        init = init or Initializer(seed, dtype, self.device)
        width = config.d_model
        self.wte = Embedding(config.vocab_size, width, STD, init)
        self.wpe = Embedding(config.context, width, STD, init)
        self.drop = Dropout(config.dropout, self.dropout_key, site=0)
        self.h = [Block(config, index, init, self.dropout_key) for index in range(config.layers)]
        self.ln_f = LayerNorm(width, config.bias, init=init)
        if not config.tie_weights:
            self.lm_head = Embedding(config.vocab_size, width, STD, init)  # [V, C], as GPT-2 has it
        self.flat()

    def __call__(self, ids: Tensor) -> Tensor:
        """The logits of the next id at every position. Raises ShapeError beyond the context."""
        self._check(ids)
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]  # (B, T, C) + (T, C)
        x = self.drop(x)
        for block in self.h:
            x = block(x)
        return self._logits(x)

    def following(self, ids: Tensor, places: Tensor, past: Sequence[Past]) -> Tensor:
        """The logits (B, V) of the id after `ids` (B, N), which go on from where `past` ends.

        `places` (B, N) int32 says where in its text each id stands; `past` has a part for each
        block, which takes the new positions in. Call it in eval mode under `no_grad`.
        """
        x = self.wte(ids) + self.wpe(places)  # (B, N, C) + (B, N, C)
        for block, before in zip(self.h, past, strict=True):
            x = block(x, before)
        return self._logits(x[:, -1])  # (B, N, C) -> (B, C) -> (B, V)

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the ids that came, (B, T) each."""
        return F.cross_entropy(self(ids), targets)

    def ids(self, values: np.ndarray) -> Tensor:
        """Host ids as a tensor where this model lives."""
        return Tensor(np.asarray(values, np.int32), device=self.device)

    def _logits(self, x: Tensor) -> Tensor:
        head = self.wte if self.config.tie_weights else self.lm_head
        return F.matmul(self.ln_f(x), head.weight, tb=True)  # (..., C) @ (V, C)ᵀ -> (..., V)

    def _check(self, ids: Tensor) -> None:
        if ids.ndim != 2 or not 1 <= ids.shape[1] <= self.config.context:
            raise ShapeError(
                f"GPT: ids have shape {ids.shape}, expected (B, T) with T from 1 to the "
                f"context, {self.config.context}"
            )


class Block(Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); (B, T, C) -> (B, T, C)."""

    def __init__(self, config: GPTConfig, index: int, init: Initializer, key: DropoutKey) -> None:
        self.ln_1 = LayerNorm(config.d_model, config.bias, init=init)
        self.attn = Attention(config, 2 * index + 1, init, key)
        self.ln_2 = LayerNorm(config.d_model, config.bias, init=init)
        self.mlp = MLP(config, 2 * index + 2, init, key)

    def __call__(self, x: Tensor, past: Past | None = None) -> Tensor:
        x = x + self.attn(self.ln_1(x), past)
        return x + self.mlp(self.ln_2(x))


def projection_std(config: GPTConfig) -> float:
    """Smaller at the ends of the branches: 2L of them add up in the stream (GPT-2, section 2.3)."""
    return STD / sqrt(2 * config.layers)


class Attention(Module):
    """Causal self-attention with packed projections: (B, T, C) -> (B, T, C)."""

    def __init__(self, config: GPTConfig, site: int, init: Initializer, key: DropoutKey) -> None:
        width = config.d_model
        self.heads = config.heads
        self.c_attn = Linear(width, 3 * width, config.bias, STD, init)
        self.c_proj = Linear(width, width, config.bias, projection_std(config), init)
        self.drop = Dropout(config.dropout, key, site)

    def __call__(self, x: Tensor, past: Past | None = None) -> Tensor:
        qkv = self.c_attn(x)  # (B, T, C) -> (B, T, 3·H·D)
        if past is None:
            y = F.attention(qkv, self.heads)  # -> (B, T, H·D)
        else:
            y = F.attention_cached(qkv, *past, self.heads)
        return self.drop(self.c_proj(y))


class MLP(Module):
    """Each position alone, through four times the width: (B, T, C) -> (B, T, C)."""

    def __init__(self, config: GPTConfig, site: int, init: Initializer, key: DropoutKey) -> None:
        width = config.d_model
        self.c_fc = LinearGELU(width, 4 * width, config.bias, STD, init)
        self.c_proj = Linear(4 * width, width, config.bias, projection_std(config), init)
        self.drop = Dropout(config.dropout, key, site)

    def __call__(self, x: Tensor) -> Tensor:
        return self.drop(self.c_proj(self.c_fc(x)))

"""PyTorch writes a text with a cache of keys and values, op by op, as one would for speed.

The caches are there from the start and written in place; attention gets a view of what is known, so
nothing is copied or masked. Under `inference_mode`, the likeliest id by `argmax`. `torch-eager` has
the threads that PyTorch takes, `torch-eager-1` one, which small models may prefer.
Read next: `../peers/torch_gpt.py`, the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from configs import StepConfig
from contenders.rinzler_generate import as_number
from contenders.torch_step import blas_of_torch, shared_model
from contenders.worker import Contender, Maker, serve
from peers.torch_gpt import TorchGPT
from torch import Tensor
from torch.nn import functional

ALONE = "torch-eager-1"


def load(variant: str) -> None:
    """Torch is imported by now."""
    if variant == ALONE:
        torch.set_num_threads(1)


def make(config: StepConfig, variant: str) -> Contender:
    """The shared weights, and a text as a step."""
    model = shared_model(config)
    model.eval()

    def text(ids: np.ndarray, targets: np.ndarray) -> float:
        return as_number(written(model, config, torch.from_numpy(ids[0, :1])))

    return Contender(text, lambda: {"torch": torch.__version__, "blas": [blas_of_torch()]})


@torch.inference_mode()
def written(model: TorchGPT, config: StepConfig, prompt: Tensor) -> list[int]:
    """As many ids as the context holds, after a prompt (1,)."""
    heads, size = config.heads, config.d_model // config.heads
    shape = (config.layers, 1, heads, config.context, size)
    keys, values = torch.empty(shape), torch.empty(shape)
    places = torch.arange(config.context)
    found: list[int] = []
    drawn = prompt
    for place in range(config.context):
        x = model.wte(drawn) + model.wpe(places[place])  # (1, C)
        for layer, block in enumerate(model.h):
            x = x + attended(block.attn, block.ln_1(x), keys[layer], values[layer], place)
            x = x + block.mlp(block.ln_2(x))
        logits = functional.linear(model.ln_f(x), model.wte.weight)  # (1, V)
        drawn = logits.argmax(dim=-1)  # (1,)
        found.append(drawn.item())
    return found


def attended(attention: Any, x: Tensor, keys: Tensor, values: Tensor, place: int) -> Tensor:
    """One new position (1, C) at a place, beside what is known: caches (1, H, T, D)."""
    heads = attention.heads
    qkv = attention.c_attn(x).view(3, 1, heads, -1)  # (1, 3·H·D) -> (3, 1, H, D)
    keys[:, :, place] = qkv[1]
    values[:, :, place] = qkv[2]
    known = place + 1
    y = functional.scaled_dot_product_attention(
        qkv[0].unsqueeze(2), keys[:, :, :known], values[:, :, :known]
    )  # (1, H, 1, D)
    return attention.c_proj(y.view(1, -1))  # (1, C)


if __name__ == "__main__":
    serve(Maker(load, make))

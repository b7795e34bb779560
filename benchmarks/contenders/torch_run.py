"""The same training run in PyTorch, as nanoGPT's `train.py` goes about it.

Each iteration sets the rate (warmup, then a cosine), draws a batch of random windows, takes a step
with the norm clipped, and reads the loss back (its CPU command logs every iteration). Every 250
iterations, the first included, the loss is estimated on random batches of both texts, without
gradients. Same text, split, model and final evaluation as on the other side; not the same windows,
as a median over seeds does not need them to be.

Where nanoGPT would be slower than it has to, it is not followed: windows are taken by one gather
from a tensor in memory instead of twelve slices of a file, and AdamW is the fused one, which
nanoGPT leaves out on a CPU (`torch-plain-adamw` is without). Left out on both sides: checkpoints.
Source: github.com/karpathy/nanoGPT. Read next: `../peers/torch_gpt.py`.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from configs import ADAMW, CLIP, RunConfig, sizes
from contenders.runner import CHUNK, EVALUATION, READY, STEPS, progress, serve_run
from contenders.torch_step import COMPILED, PLAIN, VARIANTS, blas_of_torch
from peers.torch_gpt import TorchGPT, make_adamw, training_step


def run(
    text: Path, config: RunConfig, variant: str, seed: int
) -> Generator[str, None, dict[str, Any]]:
    """Train, and evaluate over all of the validation text at the end."""
    if variant not in VARIANTS:
        raise SystemExit(f"no torch variant {variant!r}; there are {', '.join(VARIANTS)}")
    tokens = torch.from_numpy(np.frombuffer(text.read_bytes(), np.uint8).astype(np.int64))  # (N,)
    cut = int(len(tokens) * (1 - config.val_fraction))
    train, val = tokens[:cut], tokens[cut:]
    torch.manual_seed(seed)
    model = TorchGPT(**sizes(config), bias=False)
    optimizer = make_adamw(model, ADAMW, fused=variant != PLAIN)
    if variant == COMPILED:
        model.loss = torch.compile(model.loss)  # type: ignore[method-assign]
    losses: list[float] = []
    yield READY
    for step in range(config.steps):
        if step % config.eval_every == 0:
            estimate_loss(model, (train, val), config)
            yield EVALUATION
        for group in optimizer.param_groups:
            group["lr"] = rate(step, config)
        loss, _ = training_step(model, optimizer, *draw(train, config), CLIP)
        losses.append(loss)
        progress(variant, seed, step + 1, loss)
        if (step + 1) % CHUNK == 0 or step + 1 == config.steps:
            yield STEPS
    val_loss, count = evaluate(model, val, config)
    yield EVALUATION
    return {
        "val_loss": val_loss,
        "val_tokens": count,
        "first_loss": losses[0],
        "last_losses": sum(losses[-50:]) / len(losses[-50:]),
        "about": {"torch": torch.__version__, "blas": [blas_of_torch()]},
    }


def draw(tokens: torch.Tensor, config: RunConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """(inputs, targets), each (B, T): windows at random places of (N,) tokens."""
    first = torch.randint(len(tokens) - config.context, (config.batch,))  # (B,)
    at = first[:, None] + torch.arange(config.context)  # (B, 1) + (T,) -> (B, T)
    return tokens[at], tokens[at + 1]


@torch.no_grad()
def estimate_loss(
    model: TorchGPT, texts: tuple[torch.Tensor, ...], config: RunConfig
) -> list[float]:
    """The mean loss of some random batches of each text."""
    model.eval()
    means = []
    for tokens in texts:
        losses = [model.loss(*draw(tokens, config)).item() for _ in range(config.eval_batches)]
        means.append(sum(losses) / len(losses))
    model.train()
    return means


def rate(step: int, config: RunConfig) -> float:
    """Linear warmup, then half a cosine from the peak to `min_lr`."""
    peak: float = ADAMW["lr"]
    if step < config.warmup:
        return peak * (step + 1) / (config.warmup + 1)
    done = (step - config.warmup) / (config.steps - config.warmup)
    return config.min_lr + (peak - config.min_lr) * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def evaluate(model: TorchGPT, val: torch.Tensor, config: RunConfig) -> tuple[float, int]:
    """(mean loss, targets): every token of the validation text but the first is a target once."""
    full = (len(val) - 1) // config.context  # windows of T targets each
    end = full * config.context
    inputs = val[:end].view(full, config.context)  # (full * T,) -> (full, T)
    targets = val[1 : end + 1].view(full, config.context)
    pairs = list(zip(inputs.split(config.batch), targets.split(config.batch), strict=True))
    if end < len(val) - 1:
        pairs.append((val[None, end:-1], val[None, end + 1 :]))  # (1, < T)
    total = sum(model.loss(*pair).item() * pair[1].numel() for pair in pairs)
    count = sum(pair[1].numel() for pair in pairs)
    return total / count, count


if __name__ == "__main__":
    serve_run(run)

"""The same training run in PyTorch: same text, split, model, schedule and evaluation.

Batches are windows at random places, as on the other side, from numpy's generator: not the same
windows, as a median over seeds does not need them to be. Read next: `../peers/torch_gpt.py`.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from configs import ADAMW, CLIP, RunConfig
from contenders.runner import progress, serve_run
from contenders.torch_step import VARIANTS
from peers.torch_gpt import TorchGPT, make_adamw, training_step


def run(text: Path, config: RunConfig, variant: str, seed: int) -> dict[str, Any]:
    """Train and evaluate over all of the validation text."""
    if variant not in VARIANTS:
        raise SystemExit(f"no torch variant {variant!r}; there are {', '.join(VARIANTS)}")
    tokens = torch.from_numpy(np.frombuffer(text.read_bytes(), np.uint8).astype(np.int64))  # (N,)
    cut = int(len(tokens) * (1 - config.val_fraction))
    train, val = tokens[:cut], tokens[cut:]
    torch.manual_seed(seed)
    model = TorchGPT(
        vocab_size=config.vocab_size,
        context=config.context,
        d_model=config.d_model,
        layers=config.layers,
        heads=config.heads,
        bias=False,
    )
    optimizer = make_adamw(model, ADAMW, fused=variant != "torch-plain-adamw")
    if variant == "torch-compile":
        model.loss = torch.compile(model.loss)  # type: ignore[method-assign]
    rng = np.random.default_rng(seed)
    losses = []
    start = time.perf_counter()
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, config)
        first = torch.from_numpy(rng.integers(0, len(train) - config.context, config.batch))
        at = first[:, None] + torch.arange(config.context)  # (B, 1) + (T,) -> (B, T)
        loss, _ = training_step(model, optimizer, train[at], train[at + 1], CLIP)
        losses.append(loss)
        progress(variant, seed, step + 1, loss)
    val_loss, count = evaluate(model, val, config)
    return {
        "val_loss": val_loss,
        "val_tokens": count,
        "first_loss": losses[0],
        "last_losses": sum(losses[-50:]) / len(losses[-50:]),
        "seconds": time.perf_counter() - start,
    }


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

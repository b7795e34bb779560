"""A training run with nothing but the library's own parts: split, Trainer, train.

The seconds run from the first update to the validation loss; building the model and encoding the
text are not in them. Read next: `rinzler.train`; `torch_run.py`, the other side.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from configs import ADAMW, CLIP, RunConfig
from contenders.runner import progress, serve_run

from rinzler.config import TrainConfig
from rinzler.data import ByteTokenizer, read_texts, split
from rinzler.events import Evaluated, Stepped
from rinzler.gpt import GPT, GPTConfig
from rinzler.train import Trainer, train


def run(text: Path, config: RunConfig, variant: str, seed: int) -> dict[str, Any]:
    """Train on the backend `variant` and evaluate over all of the validation text."""
    tokenizer = ByteTokenizer()
    data = split(read_texts([text]), config.val_fraction, tokenizer)
    shape = GPTConfig(
        vocab_size=tokenizer.vocab_size,
        context=config.context,
        d_model=config.d_model,
        layers=config.layers,
        heads=config.heads,
        bias=False,
        tie_weights=True,
    )
    plan = TrainConfig(
        steps=config.steps,
        batch_size=config.batch,
        lr=ADAMW["lr"],
        warmup_steps=config.warmup,
        cosine=True,
        min_lr=config.min_lr,
        weight_decay=ADAMW["weight_decay"],
        beta1=ADAMW["betas"][0],
        beta2=ADAMW["betas"][1],
        clip_grad=CLIP,
        eval_every=0,  # only at the end, over everything
        gen_every=0,
        save_every=0,
        seed=seed,
    )
    trainer = Trainer(GPT(shape, seed=seed, device=variant), tokenizer, data, plan)
    losses = []
    start = time.perf_counter()
    for event in train(trainer):
        if isinstance(event, Stepped):
            losses.append(event.loss)
            progress(variant, seed, event.step, event.loss)
        if isinstance(event, Evaluated) and event.final:
            return {
                "val_loss": event.loss,
                "val_tokens": event.tokens,
                "first_loss": losses[0],
                "last_losses": sum(losses[-50:]) / len(losses[-50:]),
                "seconds": time.perf_counter() - start,
            }
    raise RuntimeError("train() ended without a final evaluation")


if __name__ == "__main__":
    serve_run(run)

"""A training run with nothing but the library's own parts: split, Trainer, train.

The time runs from the first evaluation to the last; building the model and encoding the text are
not in it. Read next: `rinzler.train`; `torch_run.py`, the other side.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from configs import ADAMW, CLIP, RunConfig, sizes
from contenders.rinzler_step import EAGER, WithPeak, about
from contenders.runner import CHUNK, EVALUATION, READY, STEPS, progress, serve_run

from rinzler.config import TrainConfig
from rinzler.data import ByteTokenizer, read_texts, split
from rinzler.events import Evaluated, Stepped
from rinzler.gpt import GPT, GPTConfig
from rinzler.train import train
from rinzler.trainer import Trainer


def run(
    text: Path, config: RunConfig, variant: str, seed: int
) -> Generator[str, None, dict[str, Any]]:
    """Train, captured or with "-eager", and evaluate over all of the validation text at the end."""
    backend = variant.removesuffix(EAGER)
    tokenizer = ByteTokenizer()
    data = split(read_texts([text]), config.val_fraction, tokenizer)
    shape = GPTConfig(
        **sizes(config) | {"vocab_size": tokenizer.vocab_size}, bias=False, tie_weights=True
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
        eval_every=config.eval_every,  # at the end over everything
        eval_windows=2 * config.eval_batches * config.batch,
        gen_every=0,
        save_every=0,
        seed=seed,
    )
    model = GPT(shape, seed=seed, device=backend)
    trainer = Trainer(model, tokenizer, data, plan, capture=backend == variant)
    trainer.update.captured.planner = WithPeak()
    losses: list[float] = []
    yield READY
    trainer.evaluate()  # what an untrained model makes of it
    yield EVALUATION
    for event in train(trainer):
        if isinstance(event, Stepped):
            losses.append(event.loss)
            progress(variant, seed, event.step, event.loss)
            if event.step % CHUNK == 0 or event.step == config.steps:
                yield STEPS
        elif isinstance(event, Evaluated):
            yield EVALUATION
            if event.final:
                return {
                    "val_loss": event.loss,
                    "val_tokens": event.tokens,
                    "first_loss": losses[0],
                    "last_losses": sum(losses[-50:]) / len(losses[-50:]),
                    "about": about(trainer),
                }
    raise RuntimeError("train() ended without a final evaluation")


if __name__ == "__main__":
    serve_run(run)

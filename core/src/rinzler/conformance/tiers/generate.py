"""The tier `generate`: logits from what is kept are those of the whole window, read again.

The parts of generation that a backend has a hand in show in one comparison: `attention_cached`,
single rows through every layer, and a step that is replayed at changing places of several texts.
The ids are given and not drawn, so that a difference cannot grow. Read next: `determinism.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from rinzler.config import GPTConfig
from rinzler.conformance.check import Check, Outcome
from rinzler.conformance.oracle import judge
from rinzler.conformance.subject import Subject
from rinzler.generate.decoder import Decoder
from rinzler.generate.naive import first_window, logits, next_window
from rinzler.generate.sequences import Sequences
from rinzler.gpt import GPT

# Shape of the model, lengths of the prompts, ids after them: far past the context, one head and
# many, rows that fill no vector, a context of one position.
TEXTS = [
    (GPTConfig(61, context=24, d_model=32, layers=2, heads=2), (1, 9, 24, 40), 50),
    (GPTConfig(17, context=33, d_model=15, layers=1, heads=3, bias=False), (5,), 80),
    (GPTConfig(300, context=7, d_model=16, layers=3, heads=16, tie_weights=False), (3, 2), 20),
    (GPTConfig(5, context=1, d_model=4, layers=1, heads=1), (1, 3), 5),
    (GPTConfig(40, context=130, d_model=64, layers=2, heads=1, dropout=0.5), (64, 100, 3), 40),
]
LIMITS = {"float32": 2e-6, "float64": 1e-14}  # of the largest logit; found: a sixth of it
HOW = {"captured": True, "eager": False}


def checks() -> Iterator[Check]:
    for number in range(len(TEXTS)):
        yield Check(f"generate/texts-{number + 1}", partial(kept_is_whole, number))


def kept_is_whole(number: int, subject: Subject) -> Outcome:
    config, lengths, more = TEXTS[number]
    prompts, ids = drawn(config, lengths, more)
    failures, worst = [], 0.0
    for dtype in subject.dtypes:
        model = GPT(config, seed=11, device=subject.fresh(), dtype=dtype)
        whole = from_whole(model, prompts, ids)
        limit = LIMITS[dtype] * float(np.abs(whole).max())
        if not np.isfinite(limit):
            failures.append(f"{dtype}: from the whole window some logits are not finite")
            continue
        for how, capture in HOW.items():
            kept = from_kept(model, prompts, ids, capture)
            verdict = judge(kept, whole, np.full(whole.shape, limit))
            worst = max(worst, verdict.ratio)
            if not verdict.ok:
                step, text, token = verdict.index
                failures.append(
                    f"{dtype}, {how}: the logit of id {token} after {lengths[text] + step} ids, a "
                    f"context of {config.context}, is {verdict.got!r} from what is kept, and "
                    f"{verdict.want!r} from the whole window, expected within {limit:.3g}"
                )
    return Outcome(tuple(failures), worst)


def drawn(
    config: GPTConfig, lengths: tuple[int, ...], more: int
) -> tuple[list[list[int]], np.ndarray]:
    """(B prompts, (more, B) ids that follow them)."""
    rng = np.random.default_rng(12)
    prompts = [rng.integers(0, config.vocab_size, length).tolist() for length in lengths]
    return prompts, rng.integers(0, config.vocab_size, (more, len(prompts)))


def from_kept(model: GPT, prompts: list[list[int]], ids: np.ndarray, capture: bool) -> np.ndarray:
    """(more + 1, B, V) logits, each of one id and the keys and values of those before it."""
    texts = Sequences(Decoder(model, len(prompts), capture), prompts)
    kept = [texts.logits.copy()]
    for row in ids:
        texts.append(row)
        kept.append(texts.logits.copy())
    return np.array(kept)


def from_whole(model: GPT, prompts: list[list[int]], ids: np.ndarray) -> np.ndarray:
    """(more + 1, B, V) logits, each from all ids of its window."""
    windows = [first_window(prompt, model.config.context) for prompt in prompts]
    whole = [[logits(model, window) for window in windows]]
    for row in ids.tolist():
        pairs = zip(windows, row, strict=True)
        windows = [next_window(window, number, model.config.context) for window, number in pairs]
        whole.append([logits(model, window) for window in windows])
    return np.array(whole)

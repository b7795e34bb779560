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
from rinzler.conformance.subject import Subject
from rinzler.generate.decoder import Decoder
from rinzler.generate.naive import first_window, logits, next_window
from rinzler.generate.sequences import Sequences
from rinzler.gpt import GPT
from rinzler.ops import Device

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


def checks() -> Iterator[Check]:
    for number in range(len(TEXTS)):
        for captured in (True, False):
            name = f"generate/texts-{number + 1}-{'captured' if captured else 'eager'}"
            yield Check(name, partial(kept_is_whole, number, captured))


def kept_is_whole(number: int, captured: bool, subject: Subject) -> Outcome:
    config, lengths, more = TEXTS[number]
    failures, worst = [], 0.0
    for dtype in subject.dtypes:
        kept, whole = both_ways(subject.fresh(), config, lengths, more, captured, dtype)
        limit = LIMITS[dtype] * float(np.abs(whole).max())  # NaN: then nothing is within it
        ratios = np.abs(kept - whole) / limit  # (more + 1, B, V)
        worst = max(worst, float(ratios.max()))
        if not ratios.max() <= 1.0:
            step, text, token = np.argwhere(~(ratios <= 1.0))[0]
            failures.append(
                f"{dtype}: the logit of id {token} after {lengths[text] + step} ids, a context of "
                f"{config.context}, is {kept[step, text, token]!r} from what is kept, and "
                f"{whole[step, text, token]!r} from the whole window, expected within {limit:g}"
            )
    return Outcome(tuple(failures), worst)


def both_ways(
    device: Device,
    config: GPTConfig,
    lengths: tuple[int, ...],
    more: int,
    capture: bool = True,
    dtype: str = "float32",
) -> tuple[np.ndarray, np.ndarray]:
    """(kept, whole), each (more + 1, B, V): B texts of random ids, one more at each step."""
    model = GPT(config, seed=11, device=device, dtype=dtype)
    rng = np.random.default_rng(12)
    prompts = [rng.integers(0, config.vocab_size, length).tolist() for length in lengths]
    texts = Sequences(Decoder(model, len(prompts), capture), prompts)
    windows = [first_window(prompt, config.context) for prompt in prompts]
    kept, whole = [], []
    for step in range(more + 1):
        kept.append(texts.logits.copy())
        whole.append([logits(model, window) for window in windows])
        if step < more:
            ids = rng.integers(0, config.vocab_size, len(prompts))
            texts.append(ids)
            pairs = zip(windows, ids.tolist(), strict=True)
            windows = [next_window(window, number, config.context) for window, number in pairs]
    return np.array(kept), np.array(whole)

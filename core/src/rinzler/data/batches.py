"""What one training step sees: windows of T ids, and the same windows one id later.

Every position is an example of its own: from the ids up to here, predict the next one. So one
window of T + 1 ids gives T examples, and `targets` is `inputs` moved by one.
Training draws windows at random. Where they lie depends on (seed, step, micro) and on nothing
else, so a run that resumes at step k has nothing to fast-forward. Validation walks over all the
text once, so that two models meet the same examples.
Leaves out: epochs; with random windows a step count says more. Read next: `gpt.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rinzler.errors import ConfigError, DataError
from rinzler.philox import Key, Stream, integers

Pair = tuple[np.ndarray, np.ndarray]  # (inputs, targets), int32


class Batches:
    """Random windows of a training text. `draw(step)` is a pure function of its arguments.

    `tokens` is (N,) int32. Raises ConfigError for sizes below 1, DataError if N < T + 1.
    """

    def __init__(self, tokens: np.ndarray, batch_size: int, context: int, seed: int) -> None:
        _check_sizes(batch_size, context)
        count = len(tokens)
        if count < context + 1:
            mend = f"Lower the context to {count - 1} or less, or add text"
            raise DataError(
                f"the training text has {count} tokens, and one example needs {context + 1} "
                f"(context {context} + 1). {mend if count > 1 else 'Add text'}"
            )
        self.tokens = tokens
        # (N - T, T + 1), without a copy: row k begins with token k
        self._windows = np.lib.stride_tricks.sliding_window_view(tokens, context + 1)
        self.batch_size = batch_size  # B
        self.context = context  # T
        self.seed = seed

    def draw(self, step: int, micro: int = 0) -> Pair:
        """(inputs, targets) of a step, each (B, T); `micro` counts forward passes inside one."""
        key = Key(self.seed, Stream.BATCH, step=step, micro=micro)
        first = integers(key, len(self._windows), self.batch_size)  # (B,)
        rows = self._windows[first]  # (B, T + 1)
        return rows[:, :-1], rows[:, 1:]


def windows(
    tokens: np.ndarray, batch_size: int, context: int, most: int | None = None
) -> Iterator[Pair]:
    """Consecutive windows over (N,) ids, so that each but the first is a target exactly once.

    Pairs are (B, T); then perhaps one with fewer rows, then one of a single shorter row with what
    is left. Weigh their losses by `targets.size`. With `most`, at most so many full windows, spread
    evenly over the text. Raises ConfigError for sizes below 1, DataError if there is no target.
    """
    _check_sizes(batch_size, context)
    if most is not None and most < 1:
        raise ConfigError(f"most is {most}, expected at least 1 window, or None for all")
    if len(tokens) < 2:
        raise DataError(
            f"the validation text has {len(tokens)} tokens, and a prediction needs 2: one to read "
            "and one to guess. Hold back a larger fraction, or add text"
        )
    return _walk(tokens, batch_size, context, most)


def _walk(tokens: np.ndarray, batch_size: int, context: int, most: int | None) -> Iterator[Pair]:
    full = (len(tokens) - 1) // context  # windows of T targets each
    end = full * context
    inputs = tokens[:end].reshape(full, context)  # (full * T,) -> (full, T)
    targets = tokens[1 : end + 1].reshape(full, context)
    if most is not None and most < full:
        rows = np.arange(most) * full // most  # evenly spread, the first included
        inputs, targets, end = inputs[rows], targets[rows], len(tokens) - 1
    for row in range(0, len(inputs), batch_size):
        yield inputs[row : row + batch_size], targets[row : row + batch_size]  # (≤ B, T)
    if end < len(tokens) - 1:
        yield tokens[None, end:-1], tokens[None, end + 1 :]  # (1, < T)


def _check_sizes(batch_size: int, context: int) -> None:
    for name, size in (("batch_size", batch_size), ("context", context)):
        if size < 1:
            raise ConfigError(f"{name} is {size}, expected at least 1")

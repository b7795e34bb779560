"""Rung 6d, beside the step: how well a model predicts text that it does not learn from.

The mean is over tokens, not over batches, so a short last batch weighs what it holds.
Read next: `trainer.py`.
"""

from __future__ import annotations

from functools import partial
from math import isfinite

import numpy as np

from rinzler.autograd import no_grad
from rinzler.data import windows
from rinzler.errors import NumericsError
from rinzler.gpt import GPT
from rinzler.guard import EARLIER, explain


def mean_loss(
    model: GPT, tokens: np.ndarray, batch_size: int, most: int | None = None
) -> tuple[float, int]:
    """(mean loss in nats per token, how many were predicted) of `data.windows` over (N,) ids.

    Leaves the model in eval mode. Raises NumericsError where the loss is not finite.
    """
    model.eval()
    total, count = 0.0, 0
    with no_grad():
        for inputs, targets in windows(tokens, batch_size, model.config.context, most):
            batch = model.ids(inputs), model.ids(targets)
            loss = model.loss(*batch).item()
            count += targets.size
            if not isfinite(loss):
                why = explain(model, partial(model.loss, *batch))
                raise NumericsError(
                    f"validation: the loss over {count} tokens is {loss:.4g}. {why}. {EARLIER}"
                )
            total += loss * targets.size
    return total / count, count

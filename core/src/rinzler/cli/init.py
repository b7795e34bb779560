"""`--init`: a new run that begins with the weights and the tokenizer of another one.

The shape of the model is the one that the weights have. A flag that says otherwise is an error and
not ignored: whoever types --layers 8 should not get 4. Dropout is no shape, so it may differ.
Leaves out: the optimizer's moments and the steps done; those are `resume.py`. Read next: `plan.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from rinzler.cli.found import Found, find_checkpoint
from rinzler.cli.request import TrainRequest
from rinzler.cli.vocabulary import Vocabulary
from rinzler.config import GPTConfig
from rinzler.errors import ConfigError
from rinzler.restore import described, split_tensors


@dataclass(frozen=True, eq=False)
class Weights:
    """What a new run takes from an old one."""

    values: Mapping[str, np.ndarray]
    vocabulary: Vocabulary
    shape: GPTConfig
    dtype: str


def begin_with(request: TrainRequest) -> Weights:
    """The weights that --init names. Raises CheckpointError, or ConfigError for other flags."""
    found = find_checkpoint(str(request.init))
    shape, tokenizer, dtype = described(found.saved)
    vocabulary = Vocabulary(tokenizer, f"of {found.path}")
    _check_flags(request, found, shape, vocabulary)
    if "dropout" in request.origins:
        shape = replace(shape, dropout=request.model.dropout)
    return Weights(split_tensors(found.saved)[0], vocabulary, shape, dtype)


def _check_flags(
    request: TrainRequest, found: Found, shape: GPTConfig, vocabulary: Vocabulary
) -> None:
    """Raises ConfigError for a setting that contradicts the weights."""
    asked = {"vocab-size": (request.merges, vocabulary.merges)}
    for each in fields(GPTConfig):
        if each.name not in ("vocab_size", "dropout"):
            values = (getattr(request.model, each.name), getattr(shape, each.name))
            asked[each.name.replace("_", "-")] = values
    if request.model.heads == 0:
        del asked["heads"]  # whatever suits: what the weights have does
    wrong = [
        f"--{name} is {wanted}, the weights have {have}"
        for name, (wanted, have) in asked.items()
        if name in request.origins and wanted != have
    ]
    if wrong:
        raise ConfigError(
            f"{found.path} is of another model: {'; '.join(wrong)}. "
            "Leave that out: with --init the weights decide"
        )

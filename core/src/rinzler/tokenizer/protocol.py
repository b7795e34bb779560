"""What a tokenizer is: text to ids and back.

A model reads ids from 0 to V - 1 and knows nothing of letters. Which id stands for what is decided
once, before training, and the checkpoint stores it with the weights: a model whose ids have come to
mean something else talks nonsense, and nothing else would notice.
A class need not inherit from `Tokenizer`; it is enough to have these methods.
Leaves out: a way to train one, for not all are trained. Read next: `bytes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np


class Tokenizer(Protocol):
    """Text to ids and back."""

    @property
    def vocab_size(self) -> int:
        """V: ids run from 0 to V - 1."""

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text, (N,) int32. Raises DataError for what is no text."""

    def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
        """The ids of several texts in a row, (N,) int32, with a boundary between each two."""

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        """The text of ids; what is no valid UTF-8 becomes U+FFFD. Raises DataError for a bad id."""

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        """`decode`, one piece per id as they come, and a last one for what was left unfinished."""

    def to_json(self) -> dict[str, Any]:
        """What `tokenizer_from_json` makes the same tokenizer of."""

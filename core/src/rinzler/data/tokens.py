"""Text as numbers: a model reads ids from 0 to V - 1 and knows nothing of letters.

The simplest tokenizer is none: UTF-8 already writes any text as bytes, so 256 ids hold every
language and no prompt is impossible. The price is length; an English word is five or six steps.
`Tokenizer` is the interface that a tokenizer with a larger vocabulary fills as well, and that a
checkpoint stores, so that a model and its ids cannot drift apart.
Leaves out: byte-pair encoding. Read next: `texts.py`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar, Protocol

import numpy as np

from rinzler.errors import DataError


class Tokenizer(Protocol):
    """Text to ids and back."""

    @property
    def vocab_size(self) -> int:
        """V: ids run from 0 to V - 1."""

    def encode(self, text: str) -> np.ndarray:
        """The ids of a text, (N,) int32. Raises DataError for what is no text."""

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        """The text of ids; what is no valid UTF-8 becomes U+FFFD. Raises DataError for a bad id."""

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        """`decode`, one piece per id as they come, and a last one for what was left unfinished."""

    def to_json(self) -> dict[str, Any]:
        """What `tokenizer_from_json` makes the same tokenizer of."""


@dataclass(frozen=True)
class ByteTokenizer:
    """The ids are the bytes of the text in UTF-8.

    >>> ByteTokenizer().encode("naïve").tolist()
    [110, 97, 195, 175, 118, 101]
    """

    vocab_size: ClassVar[int] = 256
    kind: ClassVar[str] = "bytes"

    def encode(self, text: str) -> np.ndarray:
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError as cause:
            half = f"U+{ord(text[cause.start]):04X}"
            raise DataError(
                f"character {cause.start} of the text is {half}, half of a surrogate pair, which "
                "no encoding can hold. Remove it: text.encode('utf-8', 'ignore').decode()"
            ) from cause
        return np.frombuffer(data, dtype=np.uint8).astype(np.int32)  # (N,)

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        return "".join(self.decode_stream(ids))

    def decode_stream(self, ids: Iterable[int] | np.ndarray) -> Iterator[str]:
        # The decoder holds the first bytes of a character back until the last one is there.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for number in ids:
            if not 0 <= number < self.vocab_size:
                raise DataError(
                    f"id {number} is not a byte, expected 0 to {self.vocab_size - 1}. "
                    "These ids come from another tokenizer: decode them with that one"
                )
            yield decoder.decode(bytes((index(number),)))
        yield decoder.decode(b"", final=True)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> ByteTokenizer:
        """Bytes have no settings: any other entry is an error, not something to ignore."""
        if dict(record) != {"kind": cls.kind}:
            raise DataError(
                f"{dict(record)!r} does not describe bytes, expected {{'kind': 'bytes'}}"
            )
        return cls()


def tokenizer_from_json(record: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that `to_json` described. Raises DataError for a kind that is not known."""
    kind = record.get("kind")
    if kind != ByteTokenizer.kind:
        raise DataError(
            f"there is no tokenizer of kind {kind!r} here, expected {ByteTokenizer.kind!r}. "
            "If a newer Rinzler wrote it: pip install --upgrade rinzler"
        )
    return ByteTokenizer.from_json(record)

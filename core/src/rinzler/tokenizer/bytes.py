"""The simplest tokenizer: none. The ids are the bytes of the text.

UTF-8 already writes any text as bytes, so 256 ids hold every language and no prompt is impossible.
The price is length: an English word is five or six steps, and a model sees only as many steps as
its context has.
Leaves out: ids for anything but bytes, so the boundary of two documents is an empty line.
Read next: `naive.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar

import numpy as np

from rinzler.errors import DataError
from rinzler.tokenizer.utf8 import to_bytes, to_text


@dataclass(frozen=True)
class ByteTokenizer:
    """The ids are the bytes of the text in UTF-8.

    >>> ByteTokenizer().encode("naïve").tolist()
    [110, 97, 195, 175, 118, 101]
    """

    vocab_size: ClassVar[int] = 256
    kind: ClassVar[str] = "bytes"

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(to_bytes(text), dtype=np.uint8).astype(np.int32)  # (N,)

    def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
        return self.encode("\n\n".join(texts))

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        return "".join(self.decode_stream(ids))

    def decode_stream(self, ids: Iterable[int] | np.ndarray) -> Iterator[str]:
        return to_text(self._byte(number) for number in ids)

    def _byte(self, number: int) -> bytes:
        if not 0 <= number < self.vocab_size:
            raise DataError(
                f"id {number} is not a byte, expected 0 to {self.vocab_size - 1}. "
                "These ids come from another tokenizer: decode them with that one"
            )
        return bytes((index(number),))

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

"""The tokenizer that a model has: its merges, and what they make of text.

All that there is to it is the list of merges; the bytes of every token follow from it. To encode is
to apply the merges in their order, to decode is to join the bytes.
A list from a file may be damaged or made to do harm (forty merges can describe a token of a
terabyte), so it is checked before anything is built from it.
Leaves out: splitting into words, normalizing, special tokens that can be typed.
Read next: `cache.py`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import index
from typing import Any, ClassVar

import numpy as np

from rinzler.errors import ConfigError, DataError
from rinzler.tokenizer import merging, short
from rinzler.tokenizer.naive import ALONE, END, FIRST, Pair
from rinzler.tokenizer.utf8 import to_bytes, to_text

SHORT = 1 << 15  # bytes of text; beyond, the way of `merging.py` is the faster one
MOST_BYTES = 1 << 26  # of all tokens together: far more than training on real text makes


@dataclass(frozen=True, repr=False)
class BPETokenizer:
    """Byte-pair encoding: ids 0 to 255 are bytes, 256 is the end of a text, 257 + k is merge k.

    Raises DataError for merges that training cannot have made.

    >>> tokenizer = BPETokenizer(((116, 104), (257, 101)))  # "th", "the"
    >>> tokenizer.encode("the moth").tolist()
    [258, 32, 109, 111, 257]
    """

    merges: tuple[Pair, ...] = ()

    kind: ClassVar[str] = "bpe"
    end: ClassVar[int] = END

    def __post_init__(self) -> None:
        _check(self.merges)

    @property
    def vocab_size(self) -> int:
        return FIRST + len(self.merges)

    def encode(self, text: str) -> np.ndarray:
        return self.encode_documents([text])

    def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
        """The ids of several texts in a row, (N,) int32, with `end` between each two."""
        ids = _byte_ids(texts)
        if len(ids) <= SHORT:
            return np.array(short.encode(ids.tolist(), self._ranks), dtype=np.int32)
        return merging.encode(ids, self._ranks)

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        return b"".join(self.token_bytes(number) for number in ids).decode("utf-8", "replace")

    def decode_stream(self, ids: Iterable[int] | np.ndarray) -> Iterator[str]:
        return to_text(self.token_bytes(number) for number in ids)

    def token_bytes(self, number: int) -> bytes:
        """The bytes of one id; none for `end`. Raises DataError for an id out of range."""
        if not 0 <= number < self.vocab_size:
            raise DataError(
                f"id {number} is not in the vocabulary, expected 0 to {self.vocab_size - 1}. "
                "These ids come from another tokenizer: decode them with that one"
            )
        return self._table[index(number)]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_json(cls, record: Any) -> BPETokenizer:
        """What `to_json` described. Raises DataError for a record that it cannot have written."""
        expected = {"kind", "merges"}
        if not isinstance(record, dict) or set(record) != expected or record["kind"] != cls.kind:
            raise DataError(
                f"{reprlib.repr(record)} does not describe a BPE tokenizer, expected "
                "{'kind': 'bpe', 'merges': [[left, right], ...]}"
            )
        merges = record["merges"]
        if not isinstance(merges, list):
            raise DataError(
                f"merges of the tokenizer is {reprlib.repr(merges)}, expected a list. {_MEND}"
            )
        return cls(tuple(tuple(pair) if isinstance(pair, list) else pair for pair in merges))

    def __repr__(self) -> str:
        return f"BPETokenizer({len(self.merges):,} merges)"

    @cached_property
    def _ranks(self) -> dict[Pair, int]:
        """Which merge takes a pair, counted from 0, in that order."""
        return {pair: rank for rank, pair in enumerate(self.merges)}

    @cached_property
    def _table(self) -> list[bytes]:
        """The bytes of every id."""
        table = [bytes((byte,)) for byte in range(256)] + [b""]
        for left, right in self.merges:
            table.append(table[left] + table[right])
        return table


def train_bpe(
    documents: Sequence[str],
    merges: int,
    progress: Callable[[int, int], None] | None = None,
) -> BPETokenizer:
    """A tokenizer with the best `merges` pairs of the documents, or all that occur twice.

    So it may have fewer merges than were asked for: `len(tokenizer.merges)` says how many. Pairs
    are not counted across the boundary of two documents. The same documents give the same merges
    on every machine. `progress(done, merges)` is called after each.
    Raises ConfigError for a negative number, DataError for a document that is no text.
    """
    if merges < 0:
        raise ConfigError(f"the number of merges is {merges}, expected 0 (bytes alone) or more")
    found: list[Pair] = []
    sizes = _Sizes()
    for pair in islice(merging.learn(_byte_ids(documents)), merges):
        if not sizes.add(pair):
            break  # only a text that repeats itself millions of times gets here
        found.append(pair)
        if progress is not None:
            progress(len(found), merges)
    return BPETokenizer(tuple(found))


def _byte_ids(texts: Sequence[str]) -> np.ndarray:
    """The bytes of the texts, (N,) int32, with END between each two."""
    parts = [np.frombuffer(to_bytes(text), dtype=np.uint8) for text in texts]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)[:-1]
    joined = np.concatenate(parts, dtype=np.int32) if parts else np.empty(0, np.int32)
    return np.insert(joined, ends, END)


# --- what a list of merges must be -------------------------------------------------------------

_MEND = "The list is damaged, or of another tokenizer: take it from another checkpoint"


def _check(merges: Sequence[Pair]) -> None:
    """Raises DataError for the first merge that training cannot have made."""
    seen: dict[Pair, int] = {}
    sizes = _Sizes()
    for number, pair in enumerate(merges):
        reason = _wrong_ids(pair, FIRST + number)
        if reason is None and pair in seen:
            reason = f"as is merge {seen[pair]}"
        if reason is None and not sizes.add(pair):
            reason = f"and with it all tokens have more than {MOST_BYTES:,} bytes together"
        if reason is not None:
            shown = reprlib.repr(pair)
            raise DataError(f"merge {number} of the tokenizer is {shown}, {reason}. {_MEND}")
        seen[pair] = number


def _wrong_ids(pair: Any, new: int) -> str | None:
    """Why a pair cannot make the id `new`; None if it can."""
    if not isinstance(pair, tuple) or [type(part) for part in pair] != [int, int]:
        return "expected two ids"
    for part in pair:
        if not 0 <= part < new:
            return f"expected ids from 0 to {new - 1}, which are there before it"
        if part in ALONE:
            return f"and id {part} never merges: digits and the end of a text stay alone"
    return None


class _Sizes:
    """How many bytes each token has, and what is left of MOST_BYTES."""

    def __init__(self) -> None:
        self._each = [1] * 256 + [0]
        self._left = MOST_BYTES

    def add(self, pair: Pair) -> bool:
        """Count the token that a pair makes; False if there is no room for it."""
        size = self._each[pair[0]] + self._each[pair[1]]
        if size > self._left:
            return False
        self._each.append(size)
        self._left -= size
        return True

"""Hold a part of the text back: only what a model has never seen shows what it has learnt.

From a few documents, the end of each: the model then knows the author and not the words. From many
documents, whole ones spread evenly: an end of three lines each would test little but line breaks.
`gzip_bits_per_byte` is the yardstick. A compressor is a model of text too, and a language model in
bits per byte can be put beside it (Shannon 1951; Delétang et al. 2023, "Language Modeling Is
Compression"): while gzip does better, the model has not yet learnt more than to repeat.
Leaves out: shuffling, deduplication. Read next: `batches.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rinzler.errors import ConfigError, DataError
from rinzler.tokenizer import Tokenizer

JOINT = "\n\n"  # between two documents, where they are counted in bytes
MANY = 8  # hold whole documents back where the fraction comes to at least so many of them

Document = tuple[str, str]  # (name, text)


@dataclass(frozen=True, eq=False)
class Split:
    """A corpus in ids, in two parts."""

    train: np.ndarray  # (N,) int32
    val: np.ndarray  # (N,) int32; empty if nothing is held back
    val_text: str  # what `val` encodes: for bits per byte, whatever the tokenizer


@dataclass(frozen=True)
class CorpusSummary:
    """What a run says about its text before it starts."""

    documents: int
    bytes: int  # in UTF-8, all documents
    val_bytes: int
    train_tokens: int
    val_tokens: int
    gzip_bits_per_byte: float | None  # of the validation text; None if there is none


def split(documents: Sequence[Document], val_fraction: float, tokenizer: Tokenizer) -> Split:
    """Documents into training and validation ids: `hold_back`, then `encoded`."""
    train, val = hold_back(documents, val_fraction)
    return encoded(train, val, tokenizer)


def encoded(train: Sequence[str], val: Sequence[str], tokenizer: Tokenizer) -> Split:
    """Texts in ids, with the tokenizer's boundary between each two."""
    val_text = JOINT.join(val)
    return Split(tokenizer.encode_documents(train), tokenizer.encode_documents(val), val_text)


def hold_back(documents: Sequence[Document], val_fraction: float) -> tuple[list[str], list[str]]:
    """(texts to train on, texts to validate on). A tokenizer learns from the first alone.

    Where `val_fraction` comes to fewer than MANY documents, or their sizes differ too much, the
    last `val_fraction` of the bytes of each is held back, moved to the next whole character;
    otherwise whole documents, evenly spread by size. Raises ConfigError for a fraction outside
    0 to 1, DataError if there is no document.
    """
    if not 0 <= val_fraction < 1:
        raise ConfigError(f"val_fraction is {val_fraction}, expected at least 0 and less than 1")
    if not documents:
        raise DataError("there are no documents to split: name a text to train on")
    texts = [text for _, text in documents]
    return _whole_documents(texts, val_fraction) or _ends(texts, val_fraction)


def corpus_summary(documents: Sequence[Document], data: Split) -> CorpusSummary:
    """The numbers of a corpus and of its split."""
    return CorpusSummary(
        documents=len(documents),
        bytes=sum(_size(text) for _, text in documents),
        val_bytes=_size(data.val_text),
        train_tokens=len(data.train),
        val_tokens=len(data.val),
        gzip_bits_per_byte=gzip_bits_per_byte(data.val_text) if data.val_text else None,
    )


def gzip_bits_per_byte(text: str) -> float:
    """What gzip -9 makes of a text, in bits per byte of it. Raises DataError for an empty one."""
    data = text.encode("utf-8")
    if not data:
        raise DataError("an empty text has no bits per byte: hold some text back for validation")
    return 8 * len(zlib.compress(data, 9)) / len(data)


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _ends(texts: list[str], fraction: float) -> tuple[list[str], list[str]]:
    """The beginning and the end of each text."""
    cuts = [_cut(text, fraction) for text in texts]
    return [head for head, _ in cuts if head], [tail for _, tail in cuts if tail]


def _cut(text: str, fraction: float) -> tuple[str, str]:
    data = text.encode("utf-8")
    middle = int(len(data) * (1 - fraction))
    while middle < len(data) and data[middle] & 0xC0 == 0x80:  # inside a character
        middle += 1
    return data[:middle].decode("utf-8"), data[middle:].decode("utf-8")


def _whole_documents(texts: list[str], fraction: float) -> tuple[list[str], list[str]] | None:
    """Some texts for training, the others held back; None if that does not come out well.

    Walks through the texts with an account of the bytes that validation is owed, and holds a text
    back when at least half of its size is owed: so the error never adds up.
    """
    if len(texts) * fraction < MANY:
        return None
    train: list[str] = []
    val: list[str] = []
    owed = total = 0.0
    for text in texts:
        size = _size(text)
        total += size
        owed += fraction * size
        chosen = owed >= size / 2
        (val if chosen else train).append(text)
        owed -= size if chosen else 0
    # Where sizes differ a lot the sum may miss its aim, here by a quarter: then cut each text.
    return (train, val) if abs(owed) <= fraction * total / 4 and train else None

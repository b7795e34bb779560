"""A tokenizer from what was written of it.

A checkpoint holds its tokenizer as a JSON object; `kind` says which class reads the rest.
Read next: `cache.py`, where trained tokenizers are kept.
"""

from __future__ import annotations

import reprlib
from typing import Any

from rinzler.errors import DataError
from rinzler.plugins import load_tokenizer
from rinzler.tokenizer.bpe import BPETokenizer
from rinzler.tokenizer.bytes import ByteTokenizer
from rinzler.tokenizer.protocol import Tokenizer


def tokenizer_from_json(record: Any) -> Tokenizer:
    """The tokenizer that `to_json` described. Raises DataError for anything else."""
    kind = record.get("kind") if isinstance(record, dict) else None
    if kind == BPETokenizer.kind:
        return BPETokenizer.from_json(record)
    if kind == ByteTokenizer.kind:
        return ByteTokenizer.from_json(record)
    if isinstance(kind, str):
        return load_tokenizer(record)  # a plugin's
    raise DataError(
        f"there is no tokenizer of kind {reprlib.repr(kind)} here, expected "
        f"{ByteTokenizer.kind!r} or {BPETokenizer.kind!r}. "
        "If a newer Rinzler wrote it: pip install --upgrade rinzler"
    )

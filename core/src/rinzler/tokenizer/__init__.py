"""Rung 5a: text as numbers.

    tokenizer = train_bpe(documents, merges=500)
    ids = tokenizer.encode("A block is")
    tokenizer.decode(ids)

Reading order: `protocol.py` (what a tokenizer is), `bytes.py` (the simplest one), `naive.py`
(byte-pair encoding as one would explain it), `merging.py` and `short.py` (the same, fast), `bpe.py`
(the tokenizer that a model has), `records.py` and `cache.py` (how it is kept).
Leaves out: splitting into words first. Here a token may hold spaces and line ends.
"""

from rinzler.tokenizer.bpe import BPETokenizer, train_bpe
from rinzler.tokenizer.bytes import ByteTokenizer
from rinzler.tokenizer.cache import trained
from rinzler.tokenizer.naive import END
from rinzler.tokenizer.protocol import Tokenizer
from rinzler.tokenizer.records import tokenizer_from_json

__all__ = [
    "END",
    "BPETokenizer",
    "ByteTokenizer",
    "Tokenizer",
    "tokenizer_from_json",
    "train_bpe",
    "trained",
]

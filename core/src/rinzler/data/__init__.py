"""Rung 5: texts into batches.

    documents = read_texts(["notes/*.md", "poignant.txt"])
    data = split(documents, 0.1, ByteTokenizer())
    inputs, targets = Batches(data.train, 12, 64, seed=0).draw(step=0)

`texts.py` finds and reads files, `splitting.py` holds a part back for validation, `batches.py` cuts
the ids into what one training step sees. What turns text into ids is the package `tokenizer`; its
names are here too.
Leaves out: texts too large for memory. Read next: `texts.py`.
"""

from rinzler.data.batches import Batches, windows
from rinzler.data.splitting import (
    CorpusSummary,
    Split,
    corpus_summary,
    encoded,
    gzip_bits_per_byte,
    hold_back,
    split,
)
from rinzler.data.texts import TEXT_SUFFIXES, read_texts
from rinzler.tokenizer import BPETokenizer, ByteTokenizer, Tokenizer, tokenizer_from_json

__all__ = [
    "TEXT_SUFFIXES",
    "BPETokenizer",
    "Batches",
    "ByteTokenizer",
    "CorpusSummary",
    "Split",
    "Tokenizer",
    "corpus_summary",
    "encoded",
    "gzip_bits_per_byte",
    "hold_back",
    "read_texts",
    "split",
    "tokenizer_from_json",
    "windows",
]

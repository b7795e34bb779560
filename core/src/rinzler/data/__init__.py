"""Rung 5: texts into batches.

    documents = read_texts(["notes/*.md", "poignant.txt"])
    data = split(documents, 0.1, ByteTokenizer())
    inputs, targets = Batches(data.train, 12, 64, seed=0).draw(step=0)

`tokens.py` turns text into ids, `texts.py` finds and reads files, `splitting.py` holds a part back
for validation, `batches.py` cuts the ids into what one training step sees.
Leaves out: texts too large for memory. Read next: `tokens.py`.
"""

from rinzler.data.batches import Batches, windows
from rinzler.data.splitting import CorpusSummary, Split, corpus_summary, gzip_bits_per_byte, split
from rinzler.data.texts import TEXT_SUFFIXES, read_texts
from rinzler.data.tokens import ByteTokenizer, Tokenizer, tokenizer_from_json

__all__ = [
    "TEXT_SUFFIXES",
    "Batches",
    "ByteTokenizer",
    "CorpusSummary",
    "Split",
    "Tokenizer",
    "corpus_summary",
    "gzip_bits_per_byte",
    "read_texts",
    "split",
    "tokenizer_from_json",
    "windows",
]

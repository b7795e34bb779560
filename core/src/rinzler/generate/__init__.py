"""Rung 6b: a trained model writes.

    for piece in generate(model, tokenizer, "Once", Sampling(tokens=100, top_p=0.9)):
        print(piece, end="", flush=True)

A model says how likely each id is to come next; one is drawn, appended, and the question asked
again. `naive.py` is that sentence as a loop. The others make it fast, and into text: `drawing.py`
has what draws an id, `decoder.py` keeps what was computed for earlier positions, `decoders.py` what
one text leaves to the next, `sequences.py` lets several texts grow at once, and `texts.py` turns
ids into characters and knows when to stop.

Leaves out: beam search, speculative decoding, other people's chat formats. Read next: `naive.py`.
"""

from rinzler.config import Sampling
from rinzler.generate.decoder import Decoder, cache_bytes
from rinzler.generate.decoders import Decoders
from rinzler.generate.sequences import generate_ids
from rinzler.generate.texts import Piece, generate, generate_many

__all__ = [
    "Decoder",
    "Decoders",
    "Piece",
    "Sampling",
    "cache_bytes",
    "generate",
    "generate_ids",
    "generate_many",
]

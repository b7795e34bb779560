"""Text to bytes and bytes to text, the two ends of every tokenizer here.

A text is any sequence of characters that UTF-8 can write. On the way back anything may come, since
a model may sample any bytes in any order: what is no character becomes U+FFFD.
Read next: `bytes.py`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from rinzler.errors import DataError


def to_bytes(text: str) -> bytes:
    """The text in UTF-8. Raises DataError for half a surrogate pair, which is no character."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as cause:
        half = f"U+{ord(text[cause.start]):04X}"
        raise DataError(
            f"character {cause.start} of the text is {half}, half of a surrogate pair, which "
            "no encoding can hold. Remove it: text.encode('utf-8', 'ignore').decode()"
        ) from cause


def to_text(pieces: Iterable[bytes]) -> Iterator[str]:
    """One string per piece, and a last one: together the pieces joined and decoded.

    The decoder holds the first bytes of a character back until the last one is there.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)

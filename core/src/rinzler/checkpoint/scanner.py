"""Reading a large JSON file piece by piece, and believing none of it early.

`json.loads` would turn every `[],` of a hostile file into eighty bytes of memory. Here the caller
says what must come next; a list of numbers is parsed in pieces into an array whose size is known
before, and only where a number may be anything, in `value`, does the text's length bound what it
can become.
Leaves out: what the entries mean (`text.py`). Every method raises ValueError with a reason.
Read next: `text.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from rinzler.checkpoint.content import STRICT, no_constant
from rinzler.checkpoint.numerals import array_of
from rinzler.checkpoint.spans import STORED

PIECE = 1 << 16  # characters of a list that are parsed at a time
SPACE = re.compile(r"[ \t\n\r]*")
SCALARS = json.JSONDecoder(parse_constant=no_constant)


class Scanner:
    """A position in the text, and what may come there."""

    def __init__(self, data: bytes) -> None:
        self.text = data.decode("ascii")
        self.at = 0

    def sign(self, expected: str) -> str:
        """One of the expected signs, after white space."""
        self.skip()
        found = self.text[self.at : self.at + 1]
        if not found or found not in expected:
            raise ValueError(f"it has {found!r} at byte {self.at:,}, expected one of {expected}")
        self.at += 1
        return found

    def skip(self) -> None:
        space = SPACE.match(self.text, self.at)
        assert space is not None  # it may be empty
        self.at = space.end()

    def entries(self) -> Iterator[str]:
        """The keys of an object; whoever takes one has to read its value before the next."""
        self.sign("{")
        self.skip()
        if self.text[self.at : self.at + 1] == "}":
            self.at += 1
            return
        while True:
            key = self.string()
            self.sign(":")
            yield key
            if self.sign(",}") == "}":
                return

    def string(self) -> str:
        self.sign('"')
        text, self.at = STRICT.raw_decode(self.text, self.at - 1)
        return str(text)

    def value(self, most: int) -> Any:
        """Any JSON value of at most so many characters."""
        self.skip()
        value, length = STRICT.raw_decode(self.text[self.at : self.at + most])
        self.at += length
        return value

    def numbers(self, dtype: str, count: int) -> np.ndarray:
        """(count,) numbers of a list."""
        self.sign("[")
        end = self.text.find("]", self.at)
        if end < 0 or count > end - self.at:
            raise ValueError(f"it is incomplete: a list of {count:,} values has no end")
        made = np.empty(count, STORED[dtype])
        filled = 0
        self.skip()
        while self.at < end:
            cut = end if end - self.at <= PIECE else self.text.rfind(",", self.at, self.at + PIECE)
            if cut < 0:
                raise ValueError(f"a value at byte {self.at:,} is too long for a number")
            values = SCALARS.decode(f"[{self.text[self.at : cut]}]")
            if not values or filled + len(values) > count:
                raise ValueError(
                    f"a list at byte {self.at:,} has not the {count:,} values it should"
                )
            made[filled : filled + len(values)] = array_of(values, dtype)
            filled += len(values)
            self.at = cut + (cut < end)
            if cut < end == self.at:
                raise ValueError("a list ends with a comma")
        if filled != count:
            raise ValueError(f"a list has {filled:,} values, expected {count:,}")
        self.at = end + 1
        return made

    def end(self) -> None:
        self.skip()
        if self.at != len(self.text):
            raise ValueError(f"something follows after its end, at byte {self.at:,}")

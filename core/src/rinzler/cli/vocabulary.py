"""The tokenizer of a run: trained on its text, read from the cache, or brought along with weights.

It learns from the training part alone. What is held back must be new to the tokenizer too, or bits
per byte on it would flatter: a merge can hold a whole sentence.
Leaves out: how merges are found (`rinzler/tokenizer`). Read next: `plan.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from rinzler.cli.words import plural
from rinzler.data import BPETokenizer, ByteTokenizer, Tokenizer
from rinzler.errors import ConfigError
from rinzler.tokenizer import trained


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer, and what is said of it before the first step."""

    tokenizer: Tokenizer
    origin: str  # "trained in 1.2 s", "from the cache", "of runs/notes-001"; empty for bytes

    @property
    def merges(self) -> int:
        return len(getattr(self.tokenizer, "merges", ()))

    def to_json(self) -> dict[str, Any]:
        """Its kind and size: the merges themselves are in every checkpoint."""
        kind = self.tokenizer.to_json()["kind"]
        return {"kind": kind, "merges": self.merges, "origin": self.origin or None}

    def describe(self, bytes_per_token: float) -> str:
        """ "bpe, 500 merges · 2.1 bytes per token · trained in 1.2 s" """
        kind = self.tokenizer.to_json()["kind"]
        if kind == ByteTokenizer.kind:
            return "bytes, a token each"
        size = f"{kind}, {plural(self.merges, 'merge')}" if self.merges else str(kind)
        return " · ".join((size, f"{bytes_per_token:.1f} bytes per token", self.origin))


def check_merges(merges: int) -> None:
    """Raises ConfigError for a number of merges that cannot be."""
    if merges < 0:
        raise ConfigError(f"vocab_size is {merges}, expected a number of merges, or 0 for bytes")


def learn(texts: Sequence[str], merges: int) -> Vocabulary:
    """The tokenizer of a text. Raises ConfigError."""
    check_merges(merges)
    if merges == 0:
        return Vocabulary(ByteTokenizer(), "")
    begun = perf_counter()
    counted: list[int] = []  # stays empty where the cache knows
    found: BPETokenizer = trained(texts, merges, lambda done, total: counted.append(done))
    seconds = perf_counter() - begun
    fewer = ", all that occur twice" if len(found.merges) < merges else ""
    known = found.merges and not counted
    return Vocabulary(
        found, f"{'from the cache' if known else f'trained in {seconds:.1f} s'}{fewer}"
    )

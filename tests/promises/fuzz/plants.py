"""Bugs that a loader could have, to see whether the fuzzer finds them.

Each replaces one check by a careless version. Read next: `worker.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from rinzler import restore
from rinzler.checkpoint import content, format, raw, scanner, spans, text
from rinzler.checkpoint.content import STRICT
from rinzler.tokenizer import bpe


def nothing(*given: Any) -> None:
    """No check at all."""


def overlapping() -> None:
    """Tensors may overlap, or leave bytes out."""
    format.check_cover = raw.check_cover = nothing  # type: ignore[assignment]


def lenient() -> None:
    """A key may come twice: the last one wins, here, and the first one in another reader."""
    content.STRICT = json.JSONDecoder()


def undigested() -> None:
    """Nobody looks whether a tensor is the one it was."""
    format.check_digests = raw.check_digests = text.check_digests = nothing  # type: ignore[assignment]


def sizes() -> None:
    """Python takes True for 1, and so does this loader."""

    def check_shape(name: str, dtype: Any, shape: Any) -> None:
        if not all(isinstance(size, int) for size in shape):
            raise ValueError(name)

    spans.check_shape = text.check_shape = check_shape


def deep() -> None:
    """Nobody has thought of deep nesting."""

    class Refusing:
        def __init__(self, name: str) -> None:
            pass

        def __enter__(self) -> None:
            pass

        def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
            if isinstance(error, ValueError):
                raise format.CheckpointError("refused") from error

    format.refusing = raw.refusing = text.refusing = Refusing  # type: ignore[assignment,misc]


def endless() -> None:
    """1e999 becomes infinite without a word."""
    content.STRICT = json.JSONDecoder(
        object_pairs_hook=content.unique, parse_constant=content.no_constant
    )


def rounded() -> None:
    """Numbers beyond the dtype become infinite, and bools numbers."""

    def array_of(values: list[Any], dtype: str) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.array([float(value) for value in values]).astype(dtype)

    scanner.array_of = array_of


def merges() -> None:
    """Any list is a list of merges."""
    bpe._check = nothing


def careless() -> None:
    """A description is believed to have the right types."""

    def described(saved: Any) -> Any:
        shape = restore.GPTConfig(**saved.meta["model"])
        return shape, restore.tokenizer_from_json(saved.meta["tokenizer"]), saved.meta["dtype"]

    import targets

    targets.described = described


PLANTS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        *(overlapping, lenient, undigested, sizes, deep, endless, rounded, merges, careless),
    )
}
assert STRICT is content.STRICT

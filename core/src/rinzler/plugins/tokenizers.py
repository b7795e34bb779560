"""Tokenizers that installed packages bring along, by name.

A plugin describes them with `rinzler_tokenizers`. `train_tokenizer` makes one from texts and
`load_tokenizer` makes it again from what a checkpoint kept; both check what they are given, for it
is a stranger's code, and a model is worth nothing without the tokenizer that it was trained with.
So a trained one has to come back from its own record before a run begins.

Leaves out: "bytes" and "bpe", which `rinzler.tokenizer` has built in, and which ask here for
every other kind. Read next: `__init__.py`, what the package exports.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rinzler.errors import DataError, PluginError
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code, resolve
from rinzler.plugins.records import BUILT_IN_TOKENIZERS, TokenizerInfo

if TYPE_CHECKING:
    from rinzler.plugins.model import Offer

# The protocol itself is `rinzler.tokenizer.Tokenizer`, which is above plugins; a test compares.
METHODS = ("decode", "decode_stream", "encode", "encode_documents", "to_json")
NAME = r"[a-z][a-z0-9_-]*"
FROM_CHECKPOINT = "a checkpoint"
SAMPLE = 1000  # characters of the first text that must get the same ids after loading


def list_tokenizers() -> list[TokenizerInfo]:
    """Every tokenizer that a plugin offers under a name of its own, sorted by name."""
    from rinzler.plugins.manager import plugins

    return plugins().infos("tokenizer")


def find_tokenizer(name: str) -> TokenizerInfo:
    """The record of "NAME" or "DISTRIBUTION:NAME". Raises DataError if no plugin offers it."""
    return _find(name).info


def train_tokenizer(name: str, documents: Sequence[str], vocab_size: int) -> Any:
    """A tokenizer for these texts, with the interface of `rinzler.tokenizer.Tokenizer`.

    `vocab_size` is what was asked for; V is the `vocab_size` of what comes. Raises DataError,
    chained to what the plugin raised, if it fails or its answer could not be used or kept.
    """
    offer = _find(name)
    with _blaming(offer):
        made = resolve(offer.info.train)(list(documents), vocab_size)
        record = _record(offer.info, made)
        again = resolve(offer.info.load)(_record(offer.info, made))
        sample = documents[0][:SAMPLE] if documents else ""
        same_record = _record(offer.info, again) == record
        if not same_record or list(again.encode(sample)) != list(made.encode(sample)):
            raise PluginError(f"{offer.info.load!r} made another tokenizer of its own record")
    return made


def load_tokenizer(record: Mapping[str, Any]) -> Any:
    """The tokenizer that a checkpoint's record describes, by its "kind".

    Raises DataError, chained to what the plugin raised.
    """
    kind = record.get("kind")
    if not isinstance(kind, str) or re.fullmatch(NAME, kind) is None:
        raise DataError(f"a tokenizer's record has the kind {reprlib.repr(kind)}, expected a name")
    offer = _find(kind, FROM_CHECKPOINT)
    with _blaming(offer):
        made = resolve(offer.info.load)(dict(record))
        _record(offer.info, made)
    return made


def _find(name: str, source: str = "") -> Offer[TokenizerInfo]:
    from rinzler.plugins.manager import plugins

    if name in BUILT_IN_TOKENIZERS:
        raise DataError(f'tokenizer "{name}" is not a plugin\'s: it is in rinzler.tokenizer')
    return plugins().find("tokenizer", name, source)


@contextmanager
def _blaming(offer: Offer[TokenizerInfo]) -> Iterator[None]:
    """Within it the plugin's code runs; what it raises becomes a DataError that names it."""
    try:
        with plugin_code():
            yield
    except DataError:  # it knows what is wrong with the text and what to type
        raise
    except PLUGIN_ERRORS as error:
        mend = f"pip install --upgrade {offer.plugin.distribution}"
        reason = one_line(error)
        offer.status.become("failed", reason, mend, error)
        raise DataError(
            f'tokenizer "{offer.info.name}" ({offer.plugin}) cannot be used: {reason}. {mend}'
        ) from error


def _record(info: TokenizerInfo, made: Any) -> Any:
    """What a checkpoint keeps of a tokenizer, as it comes back from JSON.

    Raises PluginError for an object that is no tokenizer or cannot be kept.
    """
    absent = [name for name in METHODS if not callable(getattr(made, name, None))]
    if absent:
        raise PluginError(f"{type(made).__name__} has no method {absent[0]}()")
    size = getattr(made, "vocab_size", None)
    if not isinstance(size, int) or size < 1:
        raise PluginError(f"its vocab_size is {size!r}, expected a whole number of at least 1")
    record = made.to_json()
    if not isinstance(record, dict) or record.get("kind") != info.name:
        got = reprlib.repr(record)
        raise PluginError(f"to_json() returned {got}, expected {{'kind': {info.name!r}, ...}}")
    return json.loads(json.dumps(record, allow_nan=False))

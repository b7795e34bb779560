"""What a plugin says about itself: frozen records whose heavy parts are strings.

A plugin's hooks return these. `factory="rinzler_numpy.backend:NumpyBackend"` is a reference, not
an import, so that describing every installed backend costs milliseconds and needs none of their
requirements. Records check themselves when they are made: a mistake in one is reported as the
plugin's, with the field and what was expected there.

Leaves out: resolving the references (`loading.py`). Read next: `hookspecs.py`, the hooks that
return these records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from rinzler.errors import PluginError

AUTO = "auto"  # what the command line calls "choose for me"; no backend may take the name
BUILT_IN_TOKENIZERS = ("bpe", "bytes")  # of `rinzler.tokenizer`; no plugin may shadow them


@dataclass(frozen=True)
class BackendInfo:
    """A backend on offer. Raises PluginError naming the field that is wrong.

    `requires` are import names that are looked for without importing them. `probe` refers to a
    cheap function that returns None, or in one sentence why this machine cannot run the backend
    ("no Vulkan device"); it must not open the device.

    `devices` is for a backend that may have several: it refers to a cheap function that returns one
    line of text for each, and `factory` then also takes `device=N`, a place in that list. Whoever
    asks for "NAME:N" gets that one, also where the probe finds none that it would take by itself.
    """

    name: str  # what `--backend` takes: [a-z][a-z0-9_]*; by convention also the entry point's name
    factory: str  # "module:callable"; called without arguments it returns a rinzler.ops.Backend
    protocol: tuple[int, int] = (1, 0)  # the (major, minor) the backend was written for
    priority: int = 40  # `auto` takes the highest that is ready (numpy has 0)
    requires: tuple[str, ...] = ()  # ("numba",)
    probe: str | None = None  # "module:callable"
    summary: str = ""  # one line for `rinzler backends`
    install_hint: str = ""  # what mends a missing requirement or device: "pip install numba"
    devices: str | None = None  # "module:callable"

    KIND: ClassVar[str] = "backend"

    def __post_init__(self) -> None:
        _check_name(self, self.name, r"[a-z][a-z0-9_]*")
        _check(self, "name", self.name != AUTO, f"a name other than {AUTO!r}, which is taken")
        _check(self, "factory", _is_reference(self.factory), "a string 'module:callable'")
        _check(self, "protocol", _is_version(self.protocol), "two integers (major, minor)")
        _check(self, "priority", type(self.priority) is int, "an integer")
        _check(self, "requires", _are_names(self.requires), "import names like ('numba',)")
        probe_ok = self.probe is None or _is_reference(self.probe)
        _check(self, "probe", probe_ok, "None or a string 'module:callable'")
        devices_ok = self.devices is None or _is_reference(self.devices)
        _check(self, "devices", devices_ok, "None or a string 'module:callable'")
        _check_texts(self, "summary", "install_hint")


@dataclass(frozen=True)
class CorpusInfo:
    """A text to train on. Raises PluginError naming the field that is wrong."""

    name: str  # what a command takes: [a-z][a-z0-9_-]*
    loader: str  # "module:callable"; returns (title, text) pairs of strings
    summary: str = ""  # one line for listings
    license: str = ""  # of the text itself: "PSF-2.0"

    KIND: ClassVar[str] = "corpus"

    def __post_init__(self) -> None:
        _check_name(self, self.name, r"[a-z][a-z0-9_-]*")
        _check(self, "loader", _is_reference(self.loader), "a string 'module:callable'")
        _check_texts(self, "summary", "license")


@dataclass(frozen=True)
class TokenizerInfo:
    """A way to turn text into ids. Raises PluginError naming the field that is wrong.

    Both references make an object with the methods of `rinzler.tokenizer.Tokenizer`. Its
    `to_json()` returns {"kind": NAME, ...}; a checkpoint keeps that, and `load` reads it back.
    """

    name: str  # what a command takes and a checkpoint says: [a-z][a-z0-9_-]*
    train: str  # "module:callable"; called with (documents: list[str], vocab_size: int)
    load: str  # "module:callable"; called with what `to_json` returned, after a trip through JSON
    summary: str = ""  # one line for listings

    KIND: ClassVar[str] = "tokenizer"

    def __post_init__(self) -> None:
        _check_name(self, self.name, r"[a-z][a-z0-9_-]*")
        free = self.name not in BUILT_IN_TOKENIZERS
        _check(self, "name", free, "a name other than 'bpe' and 'bytes', which are built in")
        _check(self, "train", _is_reference(self.train), "a string 'module:callable'")
        _check(self, "load", _is_reference(self.load), "a string 'module:callable'")
        _check_texts(self, "summary")


def is_backend_name(name: str) -> bool:
    """Whether a backend could have this name at all."""
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None and name != AUTO


def split_device(name: str) -> tuple[str, int | None]:
    """("rinzler-vulkan:vulkan", 1) of "rinzler-vulkan:vulkan:1"; None where no number is there.

    No name of a backend begins with a digit, so a number at the end is always a device.
    """
    rest, colon, last = name.rpartition(":")
    if colon and last.isascii() and last.isdecimal():
        return rest, int(last)
    return name, None


def _check(record: object, field: str, ok: bool, expected: str) -> None:
    if not ok:
        name, got = getattr(record, "name", "?"), getattr(record, field)
        what = type(record).__name__
        raise PluginError(f"{what} {name!r}: {field} is {got!r}, expected {expected}")


def _check_name(record: object, name: object, pattern: str) -> None:
    ok = isinstance(name, str) and re.fullmatch(pattern, name) is not None
    _check(record, "name", ok, f"a string that matches {pattern}")


def _check_texts(record: object, *fields: str) -> None:
    for field in fields:
        _check(record, field, isinstance(getattr(record, field), str), "a string")


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _is_reference(text: object) -> bool:
    if not isinstance(text, str) or text.count(":") != 1:
        return False
    return all(_is_dotted(side) for side in text.split(":"))


def _is_version(pair: object) -> bool:
    return (
        isinstance(pair, tuple)
        and len(pair) == 2
        and all(type(number) is int and number >= 0 for number in pair)
    )


def _are_names(names: object) -> bool:
    return isinstance(names, tuple) and all(
        isinstance(name, str) and _is_dotted(name) for name in names
    )

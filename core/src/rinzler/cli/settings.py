"""What every setting of `rinzler-train` is, and who said so.

    default < preset < file (--config) < environment (RINZLER_TRAIN_…) < flag

The parser reads the flags, then calls `Layers`, which gives to each setting that has no value yet
what the strongest layer below says; then the parser converts and checks all of them alike. What the
layers get wrong is collected, so that a file is mended in one go.
Leaves out: which combinations make sense (`clashes.py`). Read next: `showing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cyclopts import App, Argument, ArgumentCollection, Token

from rinzler.cli.environment import read_environment
from rinzler.cli.flags import DEFAULT, FLAG, Setting
from rinzler.cli.known import CORPUS, Entry, Known, name_of, table_of
from rinzler.cli.parsing import WhyUnknown
from rinzler.cli.presets import preset
from rinzler.cli.tomlfile import read_file
from rinzler.cli.values import may_be_off
from rinzler.errors import ConfigError


class Layers:
    """What presets, a file and the environment say, put below what was typed."""

    def __init__(self, environ: Mapping[str, str], why_unknown: WhyUnknown) -> None:
        self.environ = environ
        self.why_unknown = why_unknown
        self.known = Known((), why_unknown)
        self.filled: dict[str, Entry] = {}

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Fill in what was not typed; the strongest comes first. Raises ConfigError."""
        known = self.known = Known(arguments, self.why_unknown)
        mistakes: list[str] = []
        self._fill(read_environment(self.environ, known, mistakes))
        path = self._text("config")
        if path:
            self._fill(read_file(Path(path), known, mistakes))
        self._fill(_preset(self._text("preset"), mistakes))
        if mistakes:
            raise ConfigError(_together(mistakes))

    def settings(self) -> tuple[Setting, ...]:
        """Every setting, once the parser has converted them."""
        return tuple(self._setting(name) for name in self.known.settings)

    def blamed(self, message: str) -> str:
        """A message with the places that its flags come from, if they were not typed."""
        named = dict.fromkeys(re.findall(r"--([a-z][a-z0-9-]*)", message))
        places = [f"--{name}: {self.filled[name].origin}" for name in named if name in self.filled]
        return f"{message} ({'; '.join(places)})" if places else message

    def _fill(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if self.known.is_set(entry.name):
                continue
            self.filled[entry.name] = entry
            for token in _tokens(entry):
                self.known.settings[entry.name].append(token)

    def _text(self, name: str) -> str:
        """The value of a setting that decides about layers."""
        tokens = self.known.settings[name].tokens
        return tokens[-1].value if tokens else ""

    def _setting(self, name: str) -> Setting:
        argument = self.known.settings[name]
        entry = self.filled.get(name)
        value, origin = argument.field_info.default, DEFAULT
        if entry:
            value, origin = entry.value if entry.shown is None else entry.shown, entry.origin
        elif self.known.is_set(name):
            value, origin = self._typed(argument), FLAG
        return Setting(name, table_of(argument), value, origin, may_be_off(argument))

    def _typed(self, argument: Argument) -> Any:
        """What was typed: for a corpus, the files before it."""
        if name_of(argument) != CORPUS:
            return argument.value
        return tuple(token.value for each in (*self.known.texts, argument) for token in each.tokens)


def _preset(name: str, mistakes: list[str]) -> list[Entry]:
    try:
        values = preset(name) if name else {}
    except ValueError as error:
        mistakes.append(str(error))
        return []
    return [Entry(flag, value, f"preset {name}") for flag, value in values.items()]


def _tokens(entry: Entry) -> list[Token]:
    """A value as the parser takes it. Words are left to it; what is typed already, it keeps."""
    several = entry.value if isinstance(entry.value, tuple) else (entry.value,)
    return [
        Token(keyword=f"--{entry.name}", value=each, source=entry.origin, index=index)
        if isinstance(each, str)
        else Token(keyword=f"--{entry.name}", source=entry.origin, implicit_value=each)
        for index, each in enumerate(several)
    ]


def _together(mistakes: list[str]) -> str:
    """All that is wrong: one line, or a line for each."""
    if len(mistakes) == 1:
        return mistakes[0]
    return "\n  ".join((f"{len(mistakes)} settings cannot be used:", *mistakes))

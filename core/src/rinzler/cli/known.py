"""The settings that a file, a variable or a preset may name: those that have a flag.

Taken from the parser's own arguments, so whatever can be typed, a plugin's options too, can be set
in every other way, under the same name.
Leaves out: where names and values come from. Read next: `tomlfile.py`, `environment.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cyclopts import Argument

from rinzler.cli.parsing import WhyUnknown

PLUGIN = "Plugin "  # how the title of a plugin's group begins
CORPUS = "corpus"

Spell = Callable[[str], str]  # how a layer writes the name of a setting


@dataclass(frozen=True)
class Entry:
    """One setting, as one layer has it."""

    name: str  # "d-model"
    value: Any  # of the flag's type
    origin: str  # "file run.toml, line 3"
    shown: Any = None  # the value that this one only stands for, if it does


class Known:
    """Every setting by its name, and what may be meant by a name that is none."""

    def __init__(self, arguments: Iterable[Argument], why_unknown: WhyUnknown) -> None:
        # A record is no setting, its fields are; some commands take flags that they do not show.
        read = [each for each in arguments if each.parse and not each.children]
        self.texts = [each for each in read if each.index is not None]
        self.settings = {name_of(each): each for each in read if each.index is None}
        self.tables = {table_of(each) for each in self.settings.values()}
        self.why_unknown = why_unknown

    def find(self, key: str, table: str = "") -> str | None:
        """The setting that a key stands for: d_model for d-model, `every` in [csv] for csv-every.

        None if there is no such setting.
        """
        return next((each for each in _names(key, table) if each in self.settings), None)

    def hint(self, key: str, table: str, spell: Spell, off: str) -> str:
        """What to write instead of a key that is no setting; `off` switches one off."""
        for each in self.settings.values():
            if f"--{key.replace('_', '-')}" in each.negatives:
                return f"Write {spell(name_of(each))}{off}"
        near: list[str] = []
        for name in _names(key, table):
            why = self.why_unknown(f"--{name}")
            if why:
                return why
            near += difflib.get_close_matches(name, self.settings, n=1, cutoff=0.7)
        return f"Did you mean {spell(near[0])}?" if near else "All: rinzler-train --show-config"

    def table_hint(self, key: str) -> str:
        """What to write instead of a table that is none."""
        near = difflib.get_close_matches(key, self.tables, n=1)
        if near:
            return f"Did you mean [{near[0]}]?"
        there = ", ".join(f"[{name}]" for name in sorted(self.tables))
        return self.why_unknown(f"--{key}") or f"There are: {there}"

    def is_set(self, name: str) -> bool:
        """Whether a stronger layer has it already. Files that are typed stand for a corpus."""
        alike = self.texts if name == CORPUS else []
        return any(each.has_tokens for each in (self.settings[name], *alike))


def _names(key: str, table: str) -> tuple[str, ...]:
    """What a key in a table may stand for, the likelier first."""
    name = key.replace("_", "-")
    return (f"{table.replace('_', '-')}-{name}", name) if table else (name,)


def name_of(argument: Argument) -> str:
    """d-model of --d-model."""
    return argument.names[0].removeprefix("--")


def table_of(argument: Argument) -> str:
    """model for the help's group Model, csv for the group of the plugin csv."""
    groups: Any = argument.parameter.group
    title: str = groups[0].name
    return title.removeprefix(PLUGIN).lower()

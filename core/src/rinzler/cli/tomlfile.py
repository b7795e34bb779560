"""Settings from a file: `--config run.toml`, in TOML, one setting a line under its flag's name.

    steps = 4000
    [model]
    d-model = 128      # or d_model

Tables are there for order: a setting may stand in any of them, or before all. What is wrong is said
with its line, all of it at once.
Leaves out: files that include files. Read next: `environment.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rinzler.cli.invocation import quoted
from rinzler.cli.known import Entry, Known
from rinzler.cli.values import from_toml, to_toml
from rinzler.errors import ConfigError

NOT_IN_A_FILE = ("config", "show-config")
LIKE_THIS = "One setting a line, as in: steps = 2000; text stands in quotes"

Address = tuple[str, ...]  # ("model", "d-model")


def read_file(path: Path, known: Known, mistakes: list[str]) -> list[Entry]:
    """What the file sets; `mistakes` gets what it gets wrong.

    Raises ConfigError for a file that cannot be read or is not TOML.
    """
    text = _text(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"--config: {path} is not TOML: {error}. {LIKE_THIS}") from error
    lines = lines_of(text)
    found: dict[str, Entry] = {}
    for address, value in _settings(document, known):
        where = f"{path}, line {lines[address]}"
        try:
            entry = _entry(address, value, known, f"file {where}")
            if entry.name in found:
                before = found[entry.name].origin.rpartition(" ")[2]
                raise ValueError(f"{entry.name} stands in line {before} too; give it once")
        except ValueError as error:
            mistakes.append(f"{where}: {error}")
            continue
        found[entry.name] = entry
    return list(found.values())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except FileNotFoundError as cause:
        raise ConfigError(
            f"--config: there is no file {path}. This makes one, to be changed: "
            f"rinzler-train --show-config > {quoted(path)}"
        ) from cause
    except OSError as cause:
        raise ConfigError(f"--config: {path} cannot be read: {cause.strerror or cause}") from cause
    except UnicodeDecodeError as cause:
        raise ConfigError(
            f"--config: {path} is not UTF-8: byte {path.read_bytes()[cause.start]:#04x} at offset "
            f"{cause.start}. Save it as UTF-8"
        ) from cause


def _settings(document: dict[str, Any], known: Known) -> Iterator[tuple[Address, Any]]:
    """Every value with its address; a table that is none of ours as a whole."""
    for key, value in document.items():
        if isinstance(value, dict) and key in known.tables:
            yield from (((key, inner), each) for inner, each in value.items())
        else:
            yield (key,), value


def _entry(address: Address, value: Any, known: Known, origin: str) -> Entry:
    """Raises ValueError saying what is wrong."""
    *table, key = address
    if isinstance(value, dict):
        raise ValueError(f"there is no table [{'.'.join(address)}]. {known.table_hint(key)}")
    name = known.find(key, "".join(table))
    if name is None:
        hint = known.hint(key, "".join(table), str, " = false")
        raise ValueError(f'there is no setting "{key}". {hint}')
    if name in NOT_IN_A_FILE:
        raise ValueError(f"{name} belongs on the command line: --{name}")
    try:
        return Entry(name, from_toml(known.settings[name], value), origin)
    except ValueError as error:
        raise ValueError(f"{name} = {to_toml(value)}, expected {error}") from error


def lines_of(text: str) -> dict[Address, int]:
    """The line in which each table and each value of a TOML document begins.

    The parser does not tell. But a statement is over where a parser is content: so lines are
    collected until they parse, below the header of the table that they stand in.
    """
    found: dict[Address, int] = {}
    header, statement, begins = "", "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        statement += line + "\n"
        try:
            part = tomllib.loads(header + statement)
        except tomllib.TOMLDecodeError:
            continue  # it goes on in the next line
        for address in _addresses(part):
            found.setdefault(address, begins)
        if statement.lstrip().startswith("["):
            header = statement
        statement, begins = "", number + 1
    return found


def _addresses(part: dict[str, Any]) -> Iterator[Address]:
    for key, value in part.items():
        yield (key,)
        yield from ((key, inner) for inner in value) if isinstance(value, dict) else ()

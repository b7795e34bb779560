"""Known failures: what an author has looked at, with the reason, in `conformance.toml`.

    backend = "torch"

    [[known]]
    id = "kernels/less/extremes"
    reason = "NaN < 1 is true on this device; the driver's fix is announced for spring"
    link = "https://example.org/issues/7"

An id may be a pattern ("fused/gelu/gen-*"). The list is strict: an entry whose checks all pass, or
that means no check, fails the run, so that it cannot outlive what it excuses. An entry says why, or
is refused. Read next: `runner.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rinzler.conformance.check import Check
from rinzler.errors import ConfigError

FILE = "conformance.toml"
KEYS = ("id", "reason", "link")


@dataclass(frozen=True)
class Known:
    """One entry."""

    id: str
    reason: str
    link: str = ""

    def covers(self, check: Check) -> bool:
        return check.matches(self.id)


def read_known(path: Path, backend: str) -> tuple[Known, ...]:
    """The entries of a file. Raises ConfigError for one that is damaged or of another backend."""
    table = _table(path)
    named = table.get("backend")
    if named != backend:
        raise ConfigError(f"{path} lists failures of backend {named!r}, not of {backend!r}")
    return _entries(path, table)


def known_beside(folder: Path, backend: str) -> tuple[Known, ...]:
    """Those beside the nearest pyproject.toml above a folder, if they are of this backend."""
    for each in (folder, *folder.parents):
        if (each / "pyproject.toml").is_file():
            path = each / FILE
            if path.is_file() and _table(path).get("backend") == backend:
                return read_known(path, backend)
            return ()
    return ()


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {path} with known failures") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _entries(path: Path, table: Mapping[str, Any]) -> tuple[Known, ...]:
    strange = sorted(set(table) - {"backend", "known"})
    rows = table.get("known", [])
    if strange or not isinstance(rows, list):
        raise ConfigError(
            f"{path}: expected backend = NAME and [[known]] tables, not {', '.join(strange)}"
        )
    return tuple([_entry(f"{path}, entry {number}", row) for number, row in enumerate(rows, 1)])


def _entry(where: str, row: Any) -> Known:
    if not isinstance(row, dict) or not set(row) <= set(KEYS):
        raise ConfigError(f"{where}: expected the keys {', '.join(KEYS)}, got {row!r}")
    for key in ("id", "reason"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise ConfigError(
                f"{where}: {key} is {row.get(key)!r}, expected some words: a failure that nobody "
                "has explained is not known"
            )
    return Known(row["id"], row["reason"], str(row.get("link", "")))

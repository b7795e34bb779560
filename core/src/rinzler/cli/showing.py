"""`--show-config`: every setting, its value and its origin, as a settings file.

    [model]
    d-model      = 128          # preset laptop
    context      = 256          # file run.toml, line 3

What it prints is TOML, so it can be kept, changed and given to --config: nobody has to start one
from an empty page. What is left open, or can stand in no file, is a comment. With --json it is one
object instead.
Read next: `clashes.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rinzler.cli.flags import Setting
from rinzler.cli.tomlfile import NOT_IN_A_FILE
from rinzler.cli.values import to_toml
from rinzler.errors import EXIT_OK

TITLE = "# Settings of rinzler-train; as a file: rinzler-train --config FILE\n"
WIDEST = 24  # values longer than that may push their origin aside


def show(settings: Sequence[Setting], as_json: bool) -> int:
    """Print them all, in the order of the help page."""
    shown = [each for each in settings if each.name != "show-config"]
    sys.stdout.write(_json(shown) if as_json else _toml(shown))
    return EXIT_OK


def _json(settings: Sequence[Setting]) -> str:
    facts = {each.name: {"value": each.value, "origin": each.origin} for each in settings}
    return json.dumps(facts, indent=2, ensure_ascii=False, default=str) + "\n"


def _toml(settings: Sequence[Setting]) -> str:
    tables: dict[str, list[tuple[str, str]]] = {}
    label = max(len(_name(each)) for each in settings)
    for each in settings:
        line = f"{_name(each):<{label}} ={_value(each)}"
        tables.setdefault(each.table, []).append((line, each.origin))
    widths = [len(line) for lines in tables.values() for line, _ in lines]
    width = max(width for width in widths if width <= label + WIDEST)
    text = TITLE
    for name, lines in tables.items():
        text += f"\n[{name}]\n"
        text += "".join(f"{line:<{width}}  # {origin}\n" for line, origin in lines)
    return text


def _is_open(setting: Setting) -> bool:
    return setting.value is None and not setting.may_be_off


def _name(setting: Setting) -> str:
    commented = _is_open(setting) or setting.name in NOT_IN_A_FILE
    return f"# {setting.name}" if commented else setting.name


def _value(setting: Setting) -> str:
    return "" if _is_open(setting) else f" {to_toml(setting.value)}"

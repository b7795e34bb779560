"""Values of settings, as a file or a variable writes them: checked against the flag of that name.

A file knows numbers from text and the command line does not, so what a file gets wrong is found
here and not by the parser of flags: `steps = "many"`, `cosine = 1`. Where a flag can be switched
off, as by --no-clip-grad, a file says `clip-grad = false` and a variable says no.
Leaves out: which settings there are. Read next: `known.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cyclopts import Argument

from rinzler.cli.parsing import KINDS, plain_kind

IN_A_FILE = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: 'some text, "in quotes"',
    Path: 'a path, "in quotes"',
    tuple: 'some text, "in quotes", or a list, ["of", "it"]',
}
YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
READ: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    bool: lambda text: YES_OR_NO[text.lower()],
    Path: Path,
    tuple: lambda text: (text,),
}


def kind_of(argument: Argument) -> Any:
    """int, float, bool, Path or tuple; str for these and all that is chosen by a word."""
    if getattr(argument.hint, "__origin__", None) is tuple:
        return tuple
    kind = plain_kind(argument.hint)
    return kind if kind in IN_A_FILE else str


def may_be_off(argument: Argument) -> bool:
    """Whether there is a --no- form that leaves no value."""
    return bool(argument.negatives) and kind_of(argument) is not bool


def _takes_numbers(argument: Argument) -> bool:
    """Whether it shows itself as a list of them, "1,2,4", of which one alone is a list, too."""
    return "," in (argument.parameter.metavar or "")


def from_toml(argument: Argument, value: Any) -> Any:
    """A value that already has a type. Raises ValueError saying what was expected instead."""
    kind = kind_of(argument)
    if value is False and may_be_off(argument):
        return None
    if type(value) is int and _takes_numbers(argument):
        value = str(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is tuple and isinstance(value, str):
        return (value,)
    if kind is tuple and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    if type(value) is kind:
        return value
    off = ", or false" if may_be_off(argument) else ""
    raise ValueError(IN_A_FILE[kind] + off)


def from_text(argument: Argument, text: str) -> Any:
    """A value in words. Raises ValueError saying what was expected instead."""
    kind = kind_of(argument)
    if text.lower() == "no" and may_be_off(argument):
        return None
    try:
        return READ.get(kind, str)(text)
    except (KeyError, ValueError) as cause:
        off = ", or no" if may_be_off(argument) else ""
        raise ValueError(KINDS[kind] + off) from cause


def to_toml(value: Any) -> str:
    """A value as a file would have it: None, which is what false switches off, is false."""
    if value is None or isinstance(value, bool):
        return str(bool(value)).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(to_toml, value))}]"
    # A JSON string is a TOML string but for one control character.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")

"""The help page: every flag, what it means and what it is if nobody says, one group at a time.

Made from the same arguments that the parser matches, so the page cannot lie about a flag. The
first paragraph of the command's docstring opens it, the second holds examples; {program} in there
is how the command was called.
Leaves out: colour. A help page is read once, searched often and pasted into messages.
Read next: `commands.py`, where the texts stand.
"""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any

from cyclopts import App

from rinzler.cli.parsing import Command

WIDEST = 100
COLUMN = 26  # where explanations begin
ALWAYS = (("-h, --help", "this page"), ("--version", "which Rinzler this is"))


def render_help(app: App, command: Command, program: str) -> str:
    """The page as text that ends with a newline."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    summary, _, examples = inspect.cleandoc(command.__doc__ or "").partition("\n\n")
    arguments = [each for each in app.assemble_argument_collection() if each.show]
    positional = "".join(f" [{_label(each)}]" for each in arguments if each.index is not None)
    lines = [f"usage: {program}{positional} [options]", "", summary]
    lines += ["", *("  " + line for line in examples.replace("{program}", program).splitlines())]
    groups: dict[str, list[Any]] = {}
    for argument in arguments:
        groups.setdefault(_group(argument), []).append(argument)
    for title, members in groups.items():
        lines += ["", title]
        for argument in members:
            lines += _entry(_label(argument), _explanation(argument), width)
    lines += ["", "Help", *(line for entry in ALWAYS for line in _entry(*entry, width))]
    return "\n".join(lines) + "\n"


def _entry(label: str, text: str, width: int) -> Iterator[str]:
    wrapped = textwrap.wrap(text, max(30, width - COLUMN)) or [""]
    start = f"  {label}"
    if len(start) > COLUMN - 2:
        yield start
    else:
        yield start.ljust(COLUMN) + wrapped.pop(0)
    yield from (" " * COLUMN + line for line in wrapped)


def _group(argument: Any) -> str:
    """The title that `commands.py` gave it."""
    return argument.parameter.group[0].name


def _label(argument: Any) -> str:
    """--lr X, --[no-]bias, -v, --verbose, FILES..."""
    if argument.index is not None:
        many = "..." if argument.hint is not str and "tuple" in str(argument.hint) else ""
        return argument.names[0] + many
    negatives = argument.negatives
    names = [name for name in argument.names if name not in negatives]
    if argument.hint is bool:
        return f"--[no-]{names[0][2:]}" if negatives else ", ".join(sorted(names, key=len))
    label = f"{names[0]} {argument.parameter.metavar or _value_name(argument.hint)}"
    return ", ".join([label, *negatives])


def _value_name(hint: Any) -> str:
    if hint is int:
        return "N"
    return "X" if "float" in str(hint) else "TEXT"


def _explanation(argument: Any) -> str:
    default = argument.field_info.default
    if argument.index is not None or default in (None, (), "") or argument.hint is bool:
        shown = " [yes]" if default is True else ""
    else:
        shown = f" [{default:g}]" if isinstance(default, float) else f" [{default}]"
    return f"{argument.parameter.help}{shown}"

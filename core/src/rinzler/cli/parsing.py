"""From what was typed to a call: cyclopts reads the flags, and mistakes become one clear line.

A command is a Python function; its annotations are its flags. cyclopts matches and converts them.
Two things are ours: whole numbers are taken literally (1.5 steps are a mistake, not 2 steps), and
an error names what was typed, what was expected and where to read more.
Leaves out: the help page (`help.py`), for which cyclopts would have to load its own.
Read next: `help.py`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App, Parameter, convert
from cyclopts.exceptions import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from rinzler.errors import ConfigError

if TYPE_CHECKING:
    from rinzler.cli.settings import Layers

KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "yes or no",
    str: "some text",
    Path: "a path",
}

Command = Callable[..., int]
WhyUnknown = Callable[[str], str]  # from an option that is not there to a reason, or ""


def make_app(command: Command) -> App:
    """The reader of one command's flags."""
    shared = Parameter(converter=_convert, negative_iterable=())
    app = App(name="rinzler", help_flags=(), version_flags=(), default_parameter=shared)
    app.default(command)
    return app


def parse(
    app: App,
    program: str,
    tokens: Sequence[str],
    why_unknown: WhyUnknown = lambda typed: "",
    layers: Layers | None = None,
) -> Callable[[], int]:
    """The call that was typed. Raises ConfigError for what cannot be understood or is not valid.

    `why_unknown` may know why there is no such option; an empty answer says that it does not.
    `layers` fill in what was not typed; the command then gets all `settings` with their origins.
    """
    app.config = (layers,) if layers else ()
    try:
        command, bound, *_ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        what = _explain(error, app, why_unknown)
        end = "" if what.endswith("?") else "."
        raise ConfigError(f"{what}{end} All options: {program} --help") from error
    told = {"settings": layers.settings()} if layers else {}
    return lambda: command(*bound.args, **bound.kwargs, **told)


def in_flags(message: str, app: App) -> str:
    """A message about settings in the words of the command line: d_model is --d-model there.

    A field whose name is also a plain word is only taken for one where a value follows: the "heads"
    in "use 4 or 8 heads" are not a flag.
    """
    for flag in _flags(app):
        field = flag.removeprefix("--").replace("-", "_")
        follows = "" if "_" in field else r"(?= is | [0-9-])"
        message = re.sub(rf"(?<![\w./\\-]){field}\b{follows}", flag, message)
    return message


def _convert(kind: Any, tokens: Sequence[Any]) -> Any:
    return int(tokens[0].value) if plain_kind(kind) is int else convert(kind, tokens)


def _explain(error: CycloptsError, app: App, why_unknown: WhyUnknown) -> str:
    """What is wrong, in one line without its full stop."""
    argument = error.argument
    expected = KINDS.get(plain_kind(argument.hint), "a value") if argument else "a value"
    if isinstance(error, UnknownOptionError):
        typed = (error.token.keyword or error.token.value).partition("=")[0]
        near = difflib.get_close_matches(typed, _flags(app), n=1)
        guess = "Name a file: - stands for none" if typed == "-" else ""
        guess = f"Did you mean {near[0]}?" if near else guess
        hint = why_unknown(typed) or guess
        return f"unknown option {typed}" + (f". {hint}" if hint else "")
    if isinstance(error, CoercionError) and error.token and argument:
        return f"{argument.name} is {error.token.value!r}, expected {expected}"
    if isinstance(error, MissingArgumentError) and argument and argument.index is None:
        return f"{argument.name} needs a value, {expected}"
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} is there twice; give it once"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0]!r} is one argument too many"
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]


def _flags(app: App) -> list[str]:
    arguments = [each for each in app.assemble_argument_collection() if each.show]
    return [each.names[0] for each in arguments if each.index is None]


def plain_kind(hint: Any) -> Any:
    """float of `float | None`."""
    return next((kind for kind in getattr(hint, "__args__", ()) if kind in KINDS), hint)

"""Running code of a plugin: resolve its references, keep its prints apart, name its errors.

Leaves out: deciding what an error means for the plugin (`describe.py`, `checks.py`, `opening.py`).
Read next: `model.py`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rinzler.errors import PluginError

# What a plugin may raise without stopping us. A plugin that calls sys.exit() does not speak for
# the program; Ctrl-C does, and passes.
PLUGIN_ERRORS = (Exception, SystemExit)
LONGEST = 300  # characters of a message in a one-line reason; the traceback keeps all of it


def resolve(reference: str) -> Callable[..., Any]:
    """The callable that "module:attribute" names.

    Raises PluginError naming what is absent; what the module's import raises passes through.
    """
    module_name, _, path = reference.partition(":")
    found: Any = importlib.import_module(module_name)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise PluginError(f"{reference!r}: {module_name} has no attribute {path!r}") from error
    if not callable(found):
        raise PluginError(f"{reference!r} is {type(found).__name__}, expected something callable")
    return found


@contextlib.contextmanager
def plugin_code() -> Iterator[None]:
    """Within it, what a plugin prints goes to stderr: stdout is for results, `--json` above all.

    And it finds nothing to read: what is typed or piped in is meant for the command.
    """
    typed, sys.stdin = sys.stdin, io.StringIO()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdin = typed


def one_line(error: BaseException) -> str:
    """An error as a reason: its type and message on one line; only the message of our own."""
    message = " ".join(str(error).split())
    if len(message) > LONGEST:
        message = message[: LONGEST - 1] + "…"
    if isinstance(error, PluginError) and message:
        return message
    name = type(error).__name__
    return f"{name}: {message}" if message else name

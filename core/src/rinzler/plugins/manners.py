"""What a plugin must leave as it found it, since it is one of many guests in a process.

A light module that changes the working directory, replaces a function of the standard library or
leaves a thread running raises no error, and the run that it is imported into goes wrong later, far
away from it. So the prober notes what a process is like before the plugin and looks again after it.
Describing has to leave all of it alone; opening is asked for, and imports libraries that have ways
of their own, so there only what every command relies on counts.

Leaves out: memory, files, what is done to the outside. Read next: `prober.py`.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = frozenset({"builtins", "numpy", "pluggy", "rinzler"})  # besides the standard library
forks: list[int] = []  # a child of the plugin's has no business in here


def watch() -> None:
    """From now on what goes to descriptor 1 is counted, and a child ends at once and is noted.

    Signals are answered as Python does, whatever whoever started this process left ignored: a
    shell does so in the background.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with tempfile.TemporaryFile() as nowhere:
        os.dup2(nowhere.fileno(), 1)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lambda: forks.append(1), after_in_child=lambda: os._exit(0))


@dataclass(frozen=True)
class Noted:
    """What a process is like."""

    directory: str
    streams: tuple[bool, ...]  # whether each of 0, 1 and 2 is open
    handlers: Mapping[int, Any]
    timer: bool
    umask: int
    recursion: int
    variables: Mapping[str, str]
    path: tuple[str, ...]
    errors: tuple[Any, ...]  # warnings that are errors
    written: int  # bytes in what descriptor 1 is, where that is a file
    threads: frozenset[threading.Thread]  # that keep a process from ending
    functions: Mapping[tuple[str, str], Any]  # by module and name


def noted() -> Noted:
    return Noted(
        directory=_directory(),
        streams=tuple([_is_open(number) for number in range(3)]),
        handlers={each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)},
        timer=hasattr(signal, "getitimer") and signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        umask=_umask(),
        recursion=sys.getrecursionlimit(),
        variables=dict(os.environ),
        path=tuple(sys.path),
        errors=tuple([each for each in warnings.filters if each[0] == "error"]),
        written=os.fstat(1).st_size if _is_open(1) else 0,
        threads=frozenset(each for each in threading.enumerate() if not each.daemon),
        functions=_functions(),
    )


def changed(before: Noted, opened: bool = False) -> str:
    """What is not as it was, in words that follow "it"; empty where all is.

    With `opened` only what no library may change, though it were asked for.
    """
    after = noted()
    if after.directory != before.directory:
        return f"changes the working directory to {after.directory or 'one that is gone'}"
    if after.streams != before.streams or _closed():
        return "closes a standard stream"
    for number, handler in before.handlers.items():
        if after.handlers[number] != handler:
            return f"takes {signal.Signals(number).name} for itself"
    return "" if opened else next(_changed_by_describing(before, after), "")


def _changed_by_describing(before: Noted, after: Noted) -> Iterator[str]:
    for name, _ in sorted(before.variables.items() ^ after.variables.items()):
        yield f"changes the variable {name}"
    for (module, name), function in before.functions.items():
        if after.functions.get((module, name)) is not function:
            yield f"replaces {module}.{name}"
    if after.written != before.written:
        yield "writes to descriptor 1, past sys.stdout, into the results of a command"
    if after.path[: len(before.path)] != before.path:
        yield "changes the order in which modules are looked for (sys.path)"
    if after.errors != before.errors:
        yield "turns warnings into errors"
    if after.recursion != before.recursion:
        yield f"sets the recursion limit to {after.recursion}"
    if after.timer and not before.timer:
        yield "sets an alarm"
    if after.umask != before.umask:
        yield f"sets the umask to {after.umask:03o}"
    for thread in after.threads - before.threads:
        yield f"leaves a thread running ({thread.name})"
    if forks:
        yield "forks"


def _directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _closed() -> bool:
    streams = (sys.stdin, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(each is not None and each.closed for each in streams)


def _functions() -> dict[tuple[str, str], Any]:
    """The public functions and classes of modules that everybody relies on."""
    return {
        (module, name): value
        for module, found in list(sys.modules.items())
        if module.partition(".")[0] in OURS | sys.stdlib_module_names
        for name, value in list(getattr(found, "__dict__", {}).items())
        if callable(value) and not name.startswith("_")
    }

"""The two streams of a command: results on stdout, everything else on stderr.

A pipe may close under a command (`rinzler-train | head`). For one that writes text that is the end;
a training run first saves what it has, so `Results` remembers the broken pipe instead of raising.
Leaves out: colour and moving bars (`live.py`). Read next: `signals.py`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

PATIENCE = 4.0  # seconds that a person waits for something that is usually quicker
EXIT_BROKEN_PIPE = 141  # what a shell reports for a program that SIGPIPE ended


def speak_utf8() -> None:
    """Whatever the system's encoding: text is UTF-8 on Windows, and no character is fatal."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)  # absent where a test took over
        if reconfigure is None:
            continue
        if os.name == "nt":
            reconfigure(encoding="utf-8", errors="replace")
        else:
            reconfigure(errors="replace")


def hear_utf8(errors: str) -> None:
    """What comes in is UTF-8 as well; `errors` says what becomes of what is not."""
    reconfigure: Any = getattr(sys.stdin, "reconfigure", None)  # absent where a test took over
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors=errors)


def say(line: str) -> None:
    """A line to the person at the terminal."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


@contextlib.contextmanager
def say_if_slow(line: str, seconds: float = 1.0) -> Iterator[None]:
    """Explain a wait, but only one that is long enough to wonder about."""
    timer = threading.Timer(seconds, say, [line])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def say_from_handler(line: str) -> None:
    """The same from inside a signal handler, which may have interrupted a write to that stream."""
    with contextlib.suppress(OSError, ValueError):  # no stderr, no line
        os.write(sys.stderr.fileno(), (line + "\n").encode())


def is_closed_pipe(error: OSError) -> bool:
    """Whether a write failed because nobody reads; Windows has its own number for that."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def drop_stdout() -> None:
    """After a broken pipe: let the interpreter's last flush go nowhere instead of failing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Results:
    """stdout, for as long as somebody reads it."""

    def __init__(self) -> None:
        self.stream = sys.stdout
        self.broken = False

    def write(self, text: str) -> None:
        if self.broken:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as error:
            if not is_closed_pipe(error):
                raise
            self.broken = True
            drop_stdout()

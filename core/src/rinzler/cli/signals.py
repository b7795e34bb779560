"""Ctrl-C and its kin: ask once to stop well, ask twice to stop now.

    with StopRequest(say) as stop:
        step()                  # ends, whatever comes; afterwards stop.name says who asked
        with stop.anywhere():
            evaluate()          # does not: Interrupted is raised inside

The first signal leaves a note, so that the step under way ends and can be saved. The second raises
where it strikes; a save under way leaves the file that was there before. Only a destructor is let
finish: Python prints an exception inside of one, and goes on as if nothing had been.
Leaves out: what is saved (`train.py`). Read next: `train.py`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# SIGBREAK is what Ctrl-Break and a closing window send on Windows.
NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")


def soon_again(number: int, frame: FrameType | None) -> bool:
    """Whether a signal has struck in a destructor, where none may raise; then it comes again."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    if frame is None:
        return False
    timer = threading.Timer(0.001, signal.raise_signal, [number])
    timer.daemon = True  # if the process ends before, all the better
    timer.start()
    return True


def interrupt(number: int, frame: FrameType | None) -> None:
    """Python's own answer to Ctrl-C, but never in a destructor."""
    if not soon_again(number, frame):
        signal.default_int_handler(number, frame)


class LeaveNow(KeyboardInterrupt):
    """The second request. Not an Exception, so that nothing on the way swallows it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class Interrupted(BaseException):
    """The first request, where nothing has to be brought to an end."""


class StopRequest:
    """A note that somebody wants this run to end; handlers are in force inside `with`."""

    def __init__(self, first: Callable[[str], None]) -> None:
        self.first = first  # called once, from inside the handler
        self.name = ""  # "SIGINT" once somebody has asked
        self.exit_code = 0
        self._anywhere = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for name in NAMES:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if (self.name or self._anywhere) and soon_again(number, frame):
            return
        if self.name:
            raise LeaveNow(128 + number)
        self.request(signal.Signals(number).name, 128 + number)
        self.first(self.name)
        if self._anywhere:
            raise Interrupted

    @contextmanager
    def anywhere(self) -> Iterator[None]:
        """A stretch that may be left at any point. Raises Interrupted if somebody asks, or has."""
        try:  # before the change: the request may come right after it
            self._anywhere = True
            if self.name:
                raise Interrupted
            yield
        finally:
            self._anywhere = False

    def request(self, name: str, exit_code: int) -> None:
        """Leave the note; 128 + the signal's number is what shells expect as exit code."""
        self.name = name
        self.exit_code = exit_code

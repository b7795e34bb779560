"""A recorded step as a backend sees it: a list of kernel calls with their memory in place.

Core records a step, plans its memory and binds every call to its handles (`rinzler.capture`). What
is left is this: a tuple of `BoundCall`, to be run from first to last, as often as wanted. `looped`
does that in Python; `Backend.compile` may know something better, such as one command buffer.

Leaves out: shapes and liveness, which are in the handles and in the plan by now.
Read next: `recording.py`, where a tape begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple


class Extent(NamedTuple):
    """The bytes that an operand covers. Two operands overlap only if `buffer` is the same."""

    buffer: int  # a number for each buffer; one and the same for all of the arena
    offset: int  # bytes from the buffer's start
    nbytes: int


@dataclass(frozen=True, slots=True)
class BoundCall:
    """One call, ready to run: `kernel(*outs, *ins, **attrs)`.

    Handles are what `Backend.view` made, None for an absent operand. They stay valid, and over the
    same memory, as long as the tape is in use.
    """

    op: str
    kernel: Callable[..., None]  # the one that ran when the step was recorded
    outs: tuple[Any | None, ...]
    ins: tuple[Any | None, ...]
    attrs: Mapping[str, Any]
    # A host call is Python that uploads and downloads through the backend, in its place among the
    # kernels: all earlier calls must be done when it reads, and no later one may have begun.
    host: bool = False
    writes: tuple[Extent, ...] = ()  # where outs lie, absent ones left out
    reads: tuple[Extent, ...] = ()  # where ins lie, and the outs that may be read as well


Tape = tuple[BoundCall, ...]


def looped(tape: Tape) -> Callable[[], None]:
    """The tape as a function: Python calls one kernel after the other."""
    calls = [partial(call.kernel, *call.outs, *call.ins, **call.attrs) for call in tape]

    def run() -> None:
        for each in calls:
            each()

    return run

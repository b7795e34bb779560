"""`Recorder`: what the kernels of one step are, noted while they run.

A device with a recorder attached computes as always; each launch is noted here first. What exists
before the recording is *held* and noted as itself. What is allocated during it is a *temporary*,
noted as a number in order of appearance, and never kept alive: recording a step takes no more
memory than the step. Two recordings of one step are then equal, entry by entry, if a replay of
either would compute what the other did.

Reading a value back would end in a Python number that a replay cannot follow, and writing host data
would freeze it: both are refused here, with the line that does it.
Leaves out: what becomes of a recording (`comparing.py`, `binding.py`). Read next: `dispatch.py`.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rinzler.errors import CaptureError
from rinzler.ops.spec import ITEMSIZE

if TYPE_CHECKING:
    from rinzler.ops.device import Array, Device
    from rinzler.ops.memory import Block

Function = Callable[[], "Sequence[Array]"]

EAGERLY = "run without capture (--no-capture, or eager=True)"
# Frames of these modules carry out what a line of somebody else asked for.
CARRIERS = ("rinzler.ops", "rinzler.tensor", "rinzler.functional", "rinzler.autograd")


class Operand(NamedTuple):
    """Where an array lies: in a held block, or in the temporary of a number."""

    block: Block | int
    offset: int  # bytes
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * ITEMSIZE[self.dtype]


@dataclass(frozen=True, slots=True)
class Entry:
    """One launch."""

    op: str
    kernel: Callable[..., None]
    outs: tuple[Operand | None, ...]
    ins: tuple[Operand | None, ...]
    attrs: Mapping[str, Any]
    host: bool
    line: str  # "train.py:88", who asked for it


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of a function."""

    entries: Sequence[Entry]
    results: tuple[Operand, ...]
    ids: Sequence[tuple[Array, int]]  # ids that have to stay below a count


class Recorder:
    """The entries of one recording, and what has to be known besides."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.numbers: dict[int, int] = {}  # serial of a temporary's block -> its number
        self.ids: dict[Any, tuple[Array, int]] = {}  # held ids, and what they must stay below
        self._born: dict[int, weakref.ref[Block]] = {}
        self._origins: dict[int, dict[Any, Array]] = {}  # serial -> held ids that were moved there

    def born(self, block: Block) -> None:
        """A block was allocated: it is a temporary."""
        self._born[block.serial] = weakref.ref(block)

    def note(
        self,
        op: str,
        kernel: Callable[..., None],
        outs: Sequence[Array | None],
        ins: Sequence[Array | None],
        attrs: Mapping[str, Any],
        host: bool,
    ) -> None:
        """A kernel is about to run."""
        written = tuple([None if x is None else self.operand(x) for x in outs])
        read = tuple([None if x is None else self.operand(x) for x in ins])
        self.entries.append(Entry(op, kernel, written, read, attrs, host, calling_line()))
        for out in outs:
            if out is not None and out.dtype == "int32":
                moved = self._origins.setdefault(out.block.serial, {})
                for x in ins:
                    if x is not None and x.dtype == "int32":
                        moved.update(self._sources(x))

    def operand(self, x: Array) -> Operand:
        """An array by its place."""
        serial = x.block.serial
        if serial not in self._born:
            return Operand(x.block, x.offset, x.shape, x.dtype)
        number = self.numbers.setdefault(serial, len(self.numbers))
        return Operand(number, x.offset, x.shape, x.dtype)

    def note_ids(self, x: Array, count: int) -> None:
        """Ids have met a table of `count` rows: later ones must fit it as well."""
        for key, source in self._sources(x).items():
            _, before = self.ids.get(key, (source, count))
            self.ids[key] = (source, min(before, count))

    def _sources(self, x: Array) -> dict[Any, Array]:
        """The held arrays that these ids come from, itself included."""
        itself = {} if x.block.serial in self._born else {(x.block, x.offset, x.shape): x}
        return itself | self._origins.get(x.block.serial, {})

    def survivors(self, wanted: Sequence[Array]) -> list[int]:
        """Numbers of temporaries that are still in somebody's hands, those of `wanted` aside."""
        results = {x.block.serial for x in wanted}
        return [
            number
            for serial, number in self.numbers.items()
            if serial not in results and self._born[serial]() is not None
        ]

    def refuse_reading(self) -> None:
        raise CaptureError(
            f"{calling_line()} reads a value back while a step is recorded: a replay runs no "
            "Python and would go on with the number of today. Return the array as a result, or "
            f"{EAGERLY}"
        )

    def refuse_writing(self) -> None:
        raise CaptureError(
            f"{calling_line()} uploads host data while a step is recorded: a replay would keep the "
            "data of today. Upload into an array made before, ahead of each call (feed), or "
            f"{EAGERLY}"
        )


def record(function: Function, device: Device) -> tuple[Recording, tuple[np.ndarray, ...]]:
    """Run the function and note what ran; also the values of its results."""
    recorder = Recorder()
    try:  # before the change: Ctrl-C may come right after it
        device.recorder = recorder
        arrays = tuple(function())
    finally:
        device.recorder = None
    if recorder.survivors(arrays):
        gc.collect()  # in a cycle, then, which somebody else's code may make
    for number in recorder.survivors(arrays):
        made = next(each for each in recorder.entries if number in map(number_of, each.outs))
        raise CaptureError(
            f"{made.op} at {made.line} makes an array that outlives the step and is no result of "
            "it: a replay would not renew it. Return it as a result, or write into an array made "
            f"before (out=), or {EAGERLY}"
        )
    results = tuple([recorder.operand(array) for array in arrays])
    values = tuple([array.numpy() for array in arrays])
    return Recording(recorder.entries, results, list(recorder.ids.values())), values


def number_of(x: Operand | None) -> int | None:
    """The number of a temporary; None for anything else."""
    return x.block if x is not None and isinstance(x.block, int) else None


def calling_line() -> str:
    """Whose line asked for the op that runs: the nearest frame that is none of the carriers'."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(CARRIERS):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"

"""`Bound`: a recording with all of its memory in place, ready to run again and again.

Held arrays stay where they are; each temporary gets the bytes of one arena that a plan gave to it.
Every operand is laid out once, so that a replay makes no view and looks nothing up.
Leaves out: the plan (`rinzler.planner`). Read next: `rinzler.capture`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rinzler.ops.device import Device
from rinzler.ops.recording import Entry, Operand, Recording
from rinzler.ops.spec import OPS, expect_ids
from rinzler.ops.tape import BoundCall, Extent, Tape, looped


class Bound:
    """Temporary n lies `offsets[n]` bytes into an arena of `nbytes`. Raises OutOfMemoryError."""

    def __init__(
        self, recording: Recording, device: Device, offsets: Sequence[int], nbytes: int
    ) -> None:
        self.recording = recording  # keeps the held blocks
        self.device = device
        self.offsets = offsets
        self.arena = device.memory.arena(nbytes)
        self._handles: dict[Operand, Any] = {}
        self.tape: Tape = tuple([self._call(entry) for entry in recording.entries])
        self._results = [(x.shape, np.dtype(x.dtype), self._handle(x)) for x in recording.results]
        self.run = device.backend.compile(self.tape) or looped(self.tape)

    def replay(self) -> tuple[np.ndarray, ...]:
        """Run the tape; returns copies. Raises ShapeError for ids that a table does not have."""
        for ids, count in self.recording.ids:
            expect_ids("captured step", "an input", ids, count, "the rows they are looked up in")
        self.run()
        return tuple([self._value(*result) for result in self._results])

    def _value(self, shape: tuple[int, ...], dtype: np.dtype, handle: Any) -> np.ndarray:
        host = np.empty(shape, dtype)
        if host.size:
            self.device.backend.download(handle, host)
        return host

    def _call(self, entry: Entry) -> BoundCall:
        updates = OPS[entry.op].updates or entry.attrs.get("accumulate")
        read = (*entry.outs, *entry.ins) if updates else entry.ins
        return BoundCall(
            entry.op,
            entry.kernel,
            tuple([self._handle(x) for x in entry.outs]),
            tuple([self._handle(x) for x in entry.ins]),
            entry.attrs,
            entry.host,
            tuple([self._extent(x) for x in entry.outs if x is not None]),
            tuple([self._extent(x) for x in read if x is not None]),
        )

    def _extent(self, x: Operand) -> Extent:
        if isinstance(x.block, int):
            return Extent(self.arena.serial, self.offsets[x.block] + x.offset, x.nbytes)
        return Extent(x.block.serial, x.offset, x.nbytes)

    def _handle(self, x: Operand | None) -> Any:
        if x is None:
            return None
        if x not in self._handles:
            buffer = self.arena.buffer if isinstance(x.block, int) else x.block.buffer
            offset = self._extent(x).offset
            self._handles[x] = self.device.backend.view(buffer, offset, x.shape, x.dtype)
        return self._handles[x]

"""Rung 8b: record a step twice, then replay it without Python in between.

The naive form is the function itself: `step()` walks through modules, autograd and dispatch, and
about 150 kernels run on its way. Every call does the same walk and the same allocations, and only
the numbers differ. So: note the kernels (`ops/recording.py`), make sure that the walk is the same
each time (`ops/comparing.py`), plan the memory (`planner.py`), bind the kernels to their places
(`ops/binding.py`), and from then on run that list, or what `Backend.compile` makes of it.

    step = Captured(compute, device, {"ids": ids})
    step.feed({"ids": batch})      # what changes from call to call is uploaded ahead of it
    (loss,) = step()               # recorded twice while it runs as always, from then on replayed

Replay equals running `compute` bit for bit: same kernels, same order, same numbers. What Python
decided is frozen, the mode of a model too, and which kernels there are (`no_fused`, `supports`).
Two recordings catch what changes every time, `check_every` what changes late.
Leaves out: shapes that vary; another shape is another `Captured`. Read next: `cli/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rinzler.errors import CaptureError
from rinzler.ops import Array, Device
from rinzler.ops.binding import Bound
from rinzler.ops.comparing import expect_same
from rinzler.ops.recording import EAGERLY, Entry, Function, Operand, Recording, number_of, record
from rinzler.ops.spec import OPS
from rinzler.planner import Call, Plan, one_by_one, planned

Planner = Callable[..., Plan]


@dataclass(frozen=True)
class Summary:
    """What a capture came to."""

    calls: int
    arena: int  # bytes that all temporaries share
    unplanned: int  # bytes that they would take one by one


class Captured:
    """`function` as a step that is recorded in its first two calls and replayed from the third on.

    It works on arrays of `device` that are there before, uploads and downloads nothing, and returns
    arrays; a call returns their values on the host. `inputs` are arrays that `feed` fills. With
    `eager` nothing is recorded. With `check_every` n, each n-th call runs the function again and
    compares. Raises CaptureError where a replay would differ; the device is usable after that.
    """

    def __init__(
        self,
        function: Function,
        device: Device,
        inputs: Mapping[str, Array] | None = None,
        eager: bool = False,
        check_every: int = 0,
        planner: Planner = planned,
    ) -> None:
        self.function = function
        self.device = device
        self.inputs = dict(inputs or {})
        self.eager = eager
        self.check_every = check_every
        self.planner = planner
        self.calls = 0
        self.summary: Summary | None = None  # once there is a tape
        self._recording: Recording | None = None
        self._bound: Bound | None = None

    def feed(self, values: Mapping[str, np.ndarray]) -> None:
        """Upload inputs for the next call. Raises CaptureError naming one of another shape."""
        for name, host in values.items():
            if name not in self.inputs:
                known = ", ".join(self.inputs) or "none"
                raise CaptureError(f"there is no input {name!r}; the inputs are: {known}")
            array = self.inputs[name]
            if np.shape(host) != array.shape:
                raise CaptureError(
                    f"input {name!r} has shape {np.shape(host)}, the step is one for "
                    f"{array.shape}: make another Captured for another shape"
                )
            array.upload(host)

    def __call__(self) -> tuple[np.ndarray, ...]:
        """Run the step once; the results belong to the caller. Raises CaptureError, ShapeError."""
        if self.device.recorder is not None:
            raise CaptureError(
                "a captured step is called while another is recorded: call the plain function "
                f"there, or {EAGERLY}"
            )
        self.calls += 1
        if self.eager:
            return tuple([array.numpy() for array in self.function()])
        due = self.check_every and self.calls % self.check_every == 0
        return self._record() if self._bound is None or due else self._bound.replay()

    def _record(self) -> tuple[np.ndarray, ...]:
        before, bound = self._recording, self._bound
        self._recording = self._bound = None  # a refusal starts over
        recording, values = record(self.function, self.device)
        if before is not None:
            expect_same(before, recording)
            bound = bound or self._bind(recording)
        self._recording, self._bound = recording, bound
        return values

    def _bind(self, recording: Recording) -> Bound:
        sizes = sizes_of(recording)
        calls = [call_of(entry, sizes) for entry in recording.entries]
        kept = {x.block for x in recording.results if isinstance(x.block, int)}
        alignment = self.device.backend.caps.alignment
        plan = self.planner(calls, sizes, kept, alignment)
        naive = one_by_one(calls, sizes, kept, alignment)
        self.summary = Summary(len(calls), plan.nbytes, naive.nbytes)
        return Bound(recording, self.device, plan.offsets, plan.nbytes)


def sizes_of(recording: Recording) -> list[int]:
    """How many bytes of each temporary are ever touched: less than the block that it was in."""
    sizes: dict[int, int] = {}
    calls = [(*entry.outs, *entry.ins) for entry in recording.entries]
    for x in (x for operands in (*calls, recording.results) for x in operands):
        if x is not None and isinstance(x.block, int):
            sizes[x.block] = max(sizes.get(x.block, 0), x.offset + x.nbytes)
    return [sizes[number] for number in range(len(sizes))]


def call_of(entry: Entry, sizes: Sequence[int]) -> Call:
    """An entry as the planner sees it."""
    writes = tuple([n for n in map(number_of, entry.outs) if n is not None])
    reads = tuple([n for n in map(number_of, entry.ins) if n is not None])

    def is_whole(x: Operand | None) -> bool:
        number = number_of(x)
        return x is not None and number is not None and x.nbytes == sizes[number]

    if not entry.outs or not is_whole(entry.outs[0]):
        return Call(writes, reads)
    candidates = [entry.ins[index] for index in OPS[entry.op].inplace if index < len(entry.ins)]
    # An operand that is read through two views may not be overwritten: the one may be done with an
    # element that the other still needs.
    over = [x.block for x in candidates if x is not None and is_whole(x)]
    alone = [n for n in over if isinstance(n, int) and reads.count(n) == 1]
    return Call(writes, reads, tuple(alone))

"""A captured step as command buffers: written once, replayed by submits.

`compile` gets the tape of a step with all memory in place. Each entry becomes its calls, exactly as
an eager run would make them, and all calls between two host calls become a segment: one submit of
command buffers that hold every bind, barrier and dispatch. A replay costs Python one function call
per segment. Segments begin and end with a full barrier, so what runs eagerly before and after needs
to know nothing of what is inside.

Numbers that change from step to step are in held memory and are uploaded ahead of a replay.
Read next: `backend.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rinzler.errors import BackendError
from rinzler.ops.tape import Tape
from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.call import Call, as_list
from rinzler_vulkan.descriptors import Descriptors
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.encoder import Encoder
from rinzler_vulkan.hazards import Hazards
from rinzler_vulkan.memory import Buffer
from rinzler_vulkan.recorder import Recorder, allocate_commands
from rinzler_vulkan.workspace import Workspace, settled

LONGEST = 512  # calls in one command buffer


class Segment:
    """Calls that run without Python in between."""

    def __init__(self, recorder: Recorder, entries: Sequence[Sequence[Call]], what: str) -> None:
        self.recorder = recorder
        self.device = device = recorder.device
        self.what = what
        self.calls = sum(len(entry) for entry in entries)
        self.buffers: list[Buffer] = []  # all that it touches
        info = vk.struct("VkCommandPoolCreateInfo", queueFamilyIndex=device.family)
        self._pool = device.create("CommandPool", info, keep=False)
        self._descriptors = Descriptors(device, self.calls)
        self._number = device.own(partial(_destroy, device, self._pool, self._descriptors))
        always = recorder.hazards.always
        self._encoder = Encoder(device, recorder.pipelines, Hazards(always), recorder.nothing)
        self._prepared = device.prepare(self._encode(entries))
        self.barriers = self._encoder.barriers

    def _encode(self, entries: Sequence[Sequence[Call]]) -> list[Any]:
        workspace = Workspace(self.recorder.pool)
        touched: dict[int, Buffer] = {}
        parts = _cut(entries)
        commands = allocate_commands(self.device, self._pool, len(parts))
        for each, part in zip(commands, parts, strict=True):
            self._encoder.begin(
                each, self._descriptors, C.COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT
            )
            if each is commands[0]:
                self._encoder.barrier()
            for calls in part:
                places = workspace.place(calls)
                for call in calls:
                    operands = settled(call, places)
                    touched.update({id(x.buffer): x.buffer for x in operands if x is not None})
                    self._encoder.call(call, operands)
            if each is commands[-1]:
                self._encoder.barrier()
            self._encoder.end()
        self.buffers = list(touched.values())
        return commands

    def run(self) -> None:
        """Hand it in, behind what was noted before. Returns before the device is done."""
        self.recorder.flush()
        value = self.device.submit(self._prepared, self.what)
        for buffer in self.buffers:
            buffer.last_use = value
        self.recorder.hazards.clear()

    def __del__(self) -> None:
        number = getattr(self, "_number", None)
        if number is None or not self.device.open or self.device.refusal is not None:
            return
        try:
            self.recorder.finish()
        except BackendError:
            return  # a device that does not answer is left as it is
        destroy = self.device.disown(number)
        if destroy is not None:
            destroy()


def _destroy(device: LogicalDevice, pool: Any, descriptors: Descriptors) -> None:
    """A function and no method: the device holds it, and must not hold the segment."""
    descriptors.close()
    device.destroy("CommandPool", pool)


def _cut(entries: Sequence[Sequence[Call]]) -> list[list[Sequence[Call]]]:
    """Entries in parts of about LONGEST calls, so that no command buffer grows without end."""
    parts: list[list[Sequence[Call]]] = [[]]
    count = 0
    for entry in entries:
        if count + len(entry) > LONGEST and parts[-1]:
            parts.append([])
            count = 0
        parts[-1].append(entry)
        count += len(entry)
    return parts


class Program:
    """A tape, ready to run: `program()` runs all of it once."""

    def __init__(
        self, recorder: Recorder, tape: Tape, plans: dict[Callable[..., None], Any]
    ) -> None:
        self.segments: list[Segment] = []
        self.parts: list[Callable[[], None]] = []
        self._tape = tape  # holds the handles, and they the memory
        recorder.flush()  # what is noted so far is not part of it
        entries: list[Sequence[Call]] = []
        names: list[str] = []
        for bound in tape:
            plan = plans.get(bound.kernel)
            if plan is None or bound.host:
                self._close(recorder, entries, names)
                kernel = partial(bound.kernel, *bound.outs, *bound.ins, **bound.attrs)
                self.parts.append(kernel)
                entries, names = [], []
                continue
            entries.append(as_list(plan(*bound.outs, *bound.ins, **bound.attrs)))
            names.append(bound.op)
        self._close(recorder, entries, names)

    def _close(self, recorder: Recorder, entries: list[Any], names: list[str]) -> None:
        if not entries:
            return
        recorder.pipelines.prepare(call for entry in entries for call in entry)
        what = f"a captured step, {names[0]} ... {names[-1]} ({len(names)} calls)"
        segment = Segment(recorder, entries, what)
        self.segments.append(segment)
        self.parts.append(segment.run)

    def __call__(self) -> None:
        for part in self.parts:
            part()

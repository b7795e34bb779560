"""Eager calls: written into a command buffer as they come, submitted in batches.

A submit costs as much as a dozen calls, so calls gather until a value is read, until there are many
of them, or until somebody asks. The device runs batches in order, and hazards are remembered from
one batch to the next, so calls behave as if run one by one. A batch's command buffer and descriptor
sets are used again when the device is done with it.

Leaves out: host memory (`transfer.py`). Read next: `program.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.call import Call
from rinzler_vulkan.descriptors import Descriptors
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.encoder import Encoder
from rinzler_vulkan.hazards import Access, Hazards
from rinzler_vulkan.memory import Buffer, Memory, Pool
from rinzler_vulkan.pipeline import Pipelines
from rinzler_vulkan.workspace import Workspace, settled

MOST = 128  # commands in a batch
BATCHES = 4  # under way at a time


class Batch:
    """A command buffer, its descriptor sets, and when the device is done with both."""

    def __init__(self, device: LogicalDevice, commands: Any) -> None:
        self.commands = commands
        self.descriptors = Descriptors(device)
        self.prepared = device.prepare([commands])
        self.value = 0


class Recorder:
    """Gathers calls."""

    def __init__(self, device: LogicalDevice, pool: Pool, pipelines: Pipelines) -> None:
        self.device = device
        self.pool = pool
        self.pipelines = pipelines
        self.hazards = Hazards(always=device.settings.barriers == "all")
        self.nothing = Memory(pool.allocate(4), 0, (1,), "int32")
        self.encoder = Encoder(device, pipelines, self.hazards, self.nothing)
        self.workspace = Workspace(pool)
        self.batches = [Batch(device, each) for each in command_buffers(device, BATCHES)]
        for batch in self.batches:
            device.own(batch.descriptors.close)
        self._turn = 0
        self._open: Batch | None = None
        self._count = 0
        self._names: list[str] = []
        pool.finisher = self

    # --- recording ----------------------------------------------------------------------------

    def run(self, op: str, calls: Sequence[Call]) -> None:
        """Note the calls of one kernel."""
        places = self.workspace.place(calls)
        value = self._begun(op)
        for call in calls:
            operands = settled(call, places)
            for x in operands:
                if x is not None:
                    x.buffer.last_use = value
            self.encoder.call(call, operands)
        self._full(len(calls))

    def copy(self, source: Buffer, start: int, target: Buffer, to: int, nbytes: int) -> None:
        """Note a copy of bytes between two buffers; offsets count from their chunks' starts."""
        value = self._begun("copy")
        source.last_use = target.last_use = value
        self.encoder.copy(
            Access(source.chunk.serial, start, start + nbytes, False),
            source.chunk.handle,
            Access(target.chunk.serial, to, to + nbytes, True),
            target.chunk.handle,
        )
        self._full(1)

    def _begun(self, op: str) -> int:
        """Open a batch if none is; the value at which the device will be done with it."""
        self.device.expect_usable()
        if self._open is None:
            batch = self.batches[self._turn]
            self.device.wait(batch.value, "a command buffer came free")
            batch.descriptors.reset()
            flags = C.COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT
            self.encoder.begin(batch.commands, batch.descriptors, flags)
            self._open = batch
            self._count = 0
            self._names.clear()
        self._names.append(op)
        return self.device.submitted + 1

    def _full(self, count: int) -> None:
        self._count += count
        if self._count >= MOST:
            self.flush()

    # --- handing in ---------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand in what was noted."""
        batch = self._open
        if batch is None:
            return
        self._open = None
        self._turn = (self._turn + 1) % len(self.batches)
        self.encoder.end()
        batch.value = self.device.submit(batch.prepared, self._what())

    def wait(self, value: int) -> None:
        """Return when the device is done with all up to a value."""
        if value > self.device.submitted:
            self.flush()
        if not self.device.has_reached(value):
            self.device.wait(value, f"running {self._what()}")

    def finish(self) -> None:
        """Return when nothing is under way any more."""
        self.device.expect_usable()
        self.flush()
        self.device.wait(self.device.submitted, f"running {self._what()}")

    def _what(self) -> str:
        """The ops of the last batch, for messages."""
        if not self._names:
            return "earlier work"
        first, last = self._names[0], self._names[-1]
        return first if len(self._names) == 1 else f"{first} ... {last} ({len(self._names)} calls)"


def command_buffers(device: LogicalDevice, count: int) -> list[Any]:
    """Command buffers of a pool of their own, for the life of the device."""
    info = vk.struct(
        "VkCommandPoolCreateInfo",
        flags=C.COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
        queueFamilyIndex=device.family,
    )
    pool = device.create("CommandPool", info)
    return allocate_commands(device, pool, count)


def allocate_commands(device: LogicalDevice, pool: Any, count: int) -> list[Any]:
    request = vk.struct("VkCommandBufferAllocateInfo", commandPool=pool, commandBufferCount=count)
    out = device.ffi.new("VkCommandBuffer[]", count)
    result = device.vk.vkAllocateCommandBuffers(device.handle, request, out)
    vk.check(result, "making command buffers")
    return [out[k] for k in range(count)]

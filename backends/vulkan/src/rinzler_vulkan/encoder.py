"""Calls become commands: bind, push, barrier where one belongs, dispatch.

The only module that writes into command buffers, used by the recorder (eager calls) and by programs
(captured steps) alike, so that both run the same commands in the same order. Wrong calls are
refused here with the name of the shader, before a driver sees them.
Read next: `recorder.py`, then `program.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.call import Call
from rinzler_vulkan.descriptors import Descriptors
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.errors import ShaderMissing, TooLarge
from rinzler_vulkan.hazards import Access, Hazards
from rinzler_vulkan.memory import Memory
from rinzler_vulkan.pipeline import Pipelines

WORK = C.PIPELINE_STAGE_2_COMPUTE_SHADER_BIT | C.PIPELINE_STAGE_2_TRANSFER_BIT
WRITES = C.ACCESS_2_SHADER_WRITE_BIT | C.ACCESS_2_TRANSFER_WRITE_BIT
READS = C.ACCESS_2_SHADER_READ_BIT | C.ACCESS_2_TRANSFER_READ_BIT


def _dependency(stages: int, access: int) -> Any:
    """All earlier work before whatever `stages` do next."""
    barrier = vk.struct(
        "VkMemoryBarrier2",
        srcStageMask=WORK,
        srcAccessMask=WRITES,
        dstStageMask=stages,
        dstAccessMask=access,
    )
    return vk.struct("VkDependencyInfo", memoryBarrierCount=1, pMemoryBarriers=[barrier])


class Encoder:
    """Writes one command buffer at a time."""

    def __init__(
        self, device: LogicalDevice, pipelines: Pipelines, hazards: Hazards, nothing: Memory
    ) -> None:
        self.device = device
        self.pipelines = pipelines
        self.hazards = hazards
        self.nothing = nothing  # what is bound where an operand is absent
        self.barriers = 0  # put so far
        self._vk = device.vk
        self._ffi = device.ffi
        self._set = self._ffi.new("VkDescriptorSet[1]")
        self._region = self._ffi.new("VkBufferCopy *")
        self._between = _dependency(WORK, READS | WRITES)
        host = C.ACCESS_2_HOST_READ_BIT | C.ACCESS_2_HOST_WRITE_BIT
        self._host = _dependency(C.PIPELINE_STAGE_2_HOST_BIT, host)
        self._begin = vk.struct("VkCommandBufferBeginInfo")

    def begin(self, commands: Any, descriptors: Descriptors, flags: int) -> None:
        """Start writing into a command buffer."""
        self.commands = commands
        self.descriptors = descriptors
        self._bound: Any = None
        self._begin.flags = flags
        vk.check(self._vk.vkBeginCommandBuffer(commands, self._begin), "beginning commands")

    def end(self) -> None:
        """Stop writing. All results reach the host once the device has run it."""
        self._vk.vkCmdPipelineBarrier2(self.commands, self._host)
        vk.check(self._vk.vkEndCommandBuffer(self.commands), "ending commands")

    def barrier(self) -> None:
        """All work so far, of earlier submits too, before all that follows."""
        self._vk.vkCmdPipelineBarrier2(self.commands, self._between)
        self.barriers += 1

    def call(self, call: Call, operands: Sequence[Memory | None]) -> None:
        """One dispatch, with its operands in place. Raises ShaderMissing, TooLarge."""
        pipeline = self.pipelines.get(call)
        shader = pipeline.shader
        places, accesses = self._look_at(call, shader.writes, operands)
        pushed = shader.pack(call.push)
        bindings = self.descriptors.make(pipeline.sets, places)
        if self.hazards.take(accesses):
            self.barrier()
        if pipeline.handle != self._bound:
            self._bound = pipeline.handle
            point = C.PIPELINE_BIND_POINT_COMPUTE
            self._vk.vkCmdBindPipeline(self.commands, point, pipeline.handle)
        self._set[0] = bindings
        self._vk.vkCmdBindDescriptorSets(
            self.commands,
            C.PIPELINE_BIND_POINT_COMPUTE,
            pipeline.layout,
            0,
            1,
            self._set,
            0,
            self._ffi.NULL,
        )
        if pushed:
            self._vk.vkCmdPushConstants(
                self.commands,
                pipeline.layout,
                C.SHADER_STAGE_COMPUTE_BIT,
                0,
                len(pushed),
                self._ffi.from_buffer(pushed),
            )
        self._vk.vkCmdDispatch(self.commands, *call.grid)

    def _look_at(
        self, call: Call, writes: Sequence[bool], operands: Sequence[Memory | None]
    ) -> tuple[list[tuple[Any, int, int]], list[Access]]:
        """Where the operands lie, for descriptors and for hazards."""
        if len(operands) != len(writes):
            raise ShaderMissing(
                f"{call.shader}: {len(operands)} operands, expected {len(writes)} by its bindings"
            )
        if not 0 < min(call.grid) <= max(call.grid) <= self.device.caps.max_groups:
            raise TooLarge(f"{call.shader}: a grid of {call.grid} workgroups; see call.flat")
        places, accesses = [], []
        for x, written in zip(operands, writes, strict=True):
            memory = self.nothing if x is None else x
            if memory.nbytes > self.device.caps.max_range:
                raise TooLarge(
                    f"{call.shader}: an operand of {memory.nbytes} bytes, and this device lets a "
                    f"shader see {self.device.caps.max_range} at once: use a smaller model or batch"
                )
            chunk, start = memory.buffer.chunk, memory.offset
            places.append((chunk.handle, start, memory.nbytes))
            if x is not None:
                accesses.append(Access(chunk.serial, start, start + memory.nbytes, written))
        return places, accesses

    def copy(self, source: Access, source_handle: Any, to: Access, to_handle: Any) -> None:
        """Bytes from one buffer to another; both ranges are of one length."""
        if self.hazards.take((source, to)):
            self.barrier()
        self._region.srcOffset = source.start
        self._region.dstOffset = to.start
        self._region.size = source.end - source.start
        self._vk.vkCmdCopyBuffer(self.commands, source_handle, to_handle, 1, self._region)

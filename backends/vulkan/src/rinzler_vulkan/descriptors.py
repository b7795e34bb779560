"""Descriptor sets: which bytes of which buffer stand at which binding of a call.

One set per call, from pools that are used up in order and reset as a whole. A set names exactly the
operand's bytes, so that the validation layer and careful drivers catch an overrun. The structures
that a write needs are made once and filled anew. Read next: `encoder.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.caps import BINDINGS
from rinzler_vulkan.device import LogicalDevice

SETS = 128  # of one pool
PER_SET = 5  # bindings of a set, on average


class Descriptors:
    """A growing row of pools."""

    def __init__(self, device: LogicalDevice, sets: int = SETS) -> None:
        self.device = device
        self.sets = max(sets, 1)
        self._pools: list[Any] = []
        self._current = -1
        self._sets_left = 0
        self._bindings_left = 0
        ffi = device.ffi
        self._layout = ffi.new("VkDescriptorSetLayout[1]")
        self._request = vk.struct(
            "VkDescriptorSetAllocateInfo", descriptorSetCount=1, pSetLayouts=self._layout
        )
        self._out = ffi.new("VkDescriptorSet[1]")
        self._infos = ffi.new("VkDescriptorBufferInfo[]", BINDINGS)
        self._writes = ffi.new("VkWriteDescriptorSet[]", BINDINGS)
        for k in range(BINDINGS):
            row = self._writes[k]
            row.sType = C.STRUCTURES["VkWriteDescriptorSet"]
            row.dstBinding = k
            row.descriptorCount = 1
            row.descriptorType = C.DESCRIPTOR_TYPE_STORAGE_BUFFER
            row.pBufferInfo = self._infos + k

    def make(self, layout: Any, places: Sequence[tuple[Any, int, int]]) -> Any:
        """A set of a layout over (buffer, offset, bytes), one for each binding."""
        count = len(places)
        if self._sets_left < 1 or self._bindings_left < count:
            self._next_pool()
        self._sets_left -= 1
        self._bindings_left -= count
        self._layout[0] = layout
        self._request.descriptorPool = self._pools[self._current]
        allocate = self.device.vk.vkAllocateDescriptorSets
        vk.check(allocate(self.device.handle, self._request, self._out), "making a descriptor set")
        made = self._out[0]
        for k, (buffer, offset, nbytes) in enumerate(places):
            info = self._infos[k]
            info.buffer = buffer
            info.offset = offset
            info.range = nbytes
            self._writes[k].dstSet = made
        self.device.vk.vkUpdateDescriptorSets(
            self.device.handle, count, self._writes, 0, self.device.ffi.NULL
        )
        return made

    def _next_pool(self) -> None:
        self._current += 1
        self._sets_left = self.sets
        self._bindings_left = max(self.sets * PER_SET, BINDINGS)
        if self._current < len(self._pools):
            return
        size = vk.struct(
            "VkDescriptorPoolSize",
            type=C.DESCRIPTOR_TYPE_STORAGE_BUFFER,
            descriptorCount=self._bindings_left,
        )
        info = vk.struct(
            "VkDescriptorPoolCreateInfo", maxSets=self.sets, poolSizeCount=1, pPoolSizes=[size]
        )
        self._pools.append(self.device.create("DescriptorPool", info, keep=False))

    def reset(self) -> None:
        """Forget all sets: the device must be done with them."""
        for pool in self._pools[: self._current + 1]:
            self.device.vk.vkResetDescriptorPool(self.device.handle, pool, 0)
        self._current, self._sets_left, self._bindings_left = -1, 0, 0

    def close(self) -> None:
        """Give the pools back to the driver."""
        for pool in self._pools:
            self.device.destroy("DescriptorPool", pool)
        self._pools.clear()
        self._current, self._sets_left, self._bindings_left = -1, 0, 0

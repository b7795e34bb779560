"""Which of the device's kinds of memory is used for what.

Work needs the device's own memory, staging needs memory that the host reaches. Where one kind is
both and lies in the largest heap, it serves as both. Read next: `memory.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.errors import VulkanError

MAPPABLE = C.MEMORY_PROPERTY_HOST_VISIBLE_BIT | C.MEMORY_PROPERTY_HOST_COHERENT_BIT


@dataclass(frozen=True)
class MemoryType:
    """One row of the driver's table."""

    index: int
    flags: int
    heap: int  # bytes

    @property
    def local(self) -> bool:
        return bool(self.flags & C.MEMORY_PROPERTY_DEVICE_LOCAL_BIT)

    @property
    def mappable(self) -> bool:
        return self.flags & MAPPABLE == MAPPABLE

    @property
    def cached(self) -> bool:
        return self.mappable and bool(self.flags & C.MEMORY_PROPERTY_HOST_CACHED_BIT)


@dataclass(frozen=True)
class MemoryTypes:
    """The driver's table."""

    rows: tuple[MemoryType, ...]

    @staticmethod
    def read(device: LogicalDevice) -> MemoryTypes:
        table = vk.struct("VkPhysicalDeviceMemoryProperties2")
        device.instance.vk.vkGetPhysicalDeviceMemoryProperties2(device.adapter.handle, table)
        properties = table.memoryProperties
        rows = []
        for index in range(properties.memoryTypeCount):
            row = properties.memoryTypes[index]
            heap = properties.memoryHeaps[row.heapIndex].size
            rows.append(MemoryType(index, row.propertyFlags, heap))
        return MemoryTypes(tuple(rows))

    @property
    def largest_heap(self) -> int:
        return max(row.heap for row in self.rows if row.local)

    def choose(self, allowed: int, host: bool, direct: bool) -> MemoryType:
        """The kind for staging (`host`), or for work; with `direct` one that serves as both.

        `allowed` has a bit set for each row that the buffer may lie in.
        """
        rows = [row for row in self.rows if allowed >> row.index & 1]
        if host:
            rows = [row for row in rows if row.mappable]
            rows.sort(key=lambda row: (not row.cached, row.local))
        else:
            rows = [row for row in rows if row.local]
            rows.sort(key=lambda row: (-row.heap, row.mappable != direct, not row.cached))
        if not rows:
            raise VulkanError(
                f"the device has no memory {'that the host reaches' if host else 'of its own'}"
            )
        return rows[0]


def free_bytes(device: LogicalDevice) -> int:
    """About how much the device has left: the driver's word, or the heap where it keeps silent."""
    budget = vk.struct("VkPhysicalDeviceMemoryBudgetPropertiesEXT")
    table = vk.struct("VkPhysicalDeviceMemoryProperties2", budget if device.caps.budget else None)
    device.instance.vk.vkGetPhysicalDeviceMemoryProperties2(device.adapter.handle, table)
    heaps = table.memoryProperties
    free = 0
    for k in range(heaps.memoryHeapCount):
        if device.caps.budget:
            free = max(free, budget.heapBudget[k] - budget.heapUsage[k])
        else:
            free = max(free, heaps.memoryHeaps[k].size)
    return int(free)

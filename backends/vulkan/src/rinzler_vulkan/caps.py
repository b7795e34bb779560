"""What one device can do: the facts that kernels choose their variants by.

Each optional feature has a name and can be masked (RINZLER_VULKAN_WITHOUT=a,b), so that every
fallback can be tested on one machine. No kernel asks for the device's name or vendor.
Leaves out: what every kernel needs, which is checked once when devices are listed.
Read next: `device.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rinzler.errors import BackendError
from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.choosing import Adapter

# What RINZLER_VULKAN_WITHOUT may name.
FEATURES = {
    "direct": "memory that the host reaches without a copy",
    "float_controls": "a promise to keep NaN, infinity and the sign of zero",
    "budget": "the driver's word on how much memory is free",
    "barrier_free": "kernels without shared memory, which software drivers run faster",
    "shuffle": "invocations of a subgroup that read each other's registers",
}
BINDINGS = 12  # storage buffers that one shader sees at most
BUDGET_EXTENSION = "VK_EXT_memory_budget"


@dataclass(frozen=True)
class DeviceCaps:
    """Facts of a device, and of the features that are in use."""

    name: str
    kind: str  # discrete, integrated, virtual, software, other
    driver: str
    max_range: int  # bytes of a buffer that a shader sees at once
    max_groups: int  # workgroups along each axis of a dispatch
    max_invocations: int  # of one workgroup
    shared_bytes: int  # of one workgroup
    subgroup: int  # invocations that run together; never assume one
    direct: bool
    float_controls: bool
    budget: bool
    barrier_free: bool
    shuffle: bool
    identity: str  # vendor, device and driver: what compiled pipelines depend on

    @property
    def text(self) -> str:
        return f"{self.name} ({self.kind}, {self.driver})"


def missing_needs(functions: Any, handle: Any, properties: Any) -> tuple[str, ...]:
    """What every kernel needs and this device has not, in words."""
    if properties.apiVersion < C.API_1_3:
        version = f"{properties.apiVersion >> 22 & 0x7F}.{properties.apiVersion >> 12 & 0x3FF}"
        return (f"Vulkan 1.3 (it has {version})",)
    newer = vk.struct("VkPhysicalDeviceVulkan13Features")
    timeline = vk.struct("VkPhysicalDeviceVulkan12Features", newer)
    functions.vkGetPhysicalDeviceFeatures2(handle, vk.struct("VkPhysicalDeviceFeatures2", timeline))
    limits = properties.limits
    needs = {
        "timeline semaphores": timeline.timelineSemaphore,
        "synchronization2": newer.synchronization2,
        "maintenance4": newer.maintenance4,
        f"{BINDINGS} storage buffers for a shader": (
            limits.maxPerStageDescriptorStorageBuffers >= BINDINGS
        ),
        "a compute queue": queue_family(functions, handle) is not None,
    }
    return tuple([name for name, there in needs.items() if not there])


def queue_family(functions: Any, handle: Any) -> int | None:
    """The first family of queues that can compute."""
    ffi = vk.ffi()
    count = ffi.new("uint32_t *")
    functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, count, ffi.NULL)
    families = ffi.new("VkQueueFamilyProperties[]", count[0])
    functions.vkGetPhysicalDeviceQueueFamilyProperties(handle, count, families)
    able = [k for k in range(count[0]) if families[k].queueFlags & C.QUEUE_COMPUTE_BIT]
    return able[0] if able else None


def read_caps(functions: Any, adapter: Adapter, without: frozenset[str]) -> DeviceCaps:
    """The caps of a device. Raises BackendError for a feature that nobody knows."""
    unknown = sorted(without - set(FEATURES))
    if unknown:
        raise BackendError(
            f"RINZLER_VULKAN_WITHOUT names {', '.join(unknown)}, expected {', '.join(FEATURES)}"
        )
    newest = vk.struct("VkPhysicalDeviceVulkan13Properties")
    controls = vk.struct("VkPhysicalDeviceVulkan12Properties", newest)
    groups = vk.struct("VkPhysicalDeviceVulkan11Properties", controls)
    properties = vk.struct("VkPhysicalDeviceProperties2", groups)
    functions.vkGetPhysicalDeviceProperties2(adapter.handle, properties)
    plain, limits = properties.properties, properties.properties.limits
    uuid = bytes(plain.pipelineCacheUUID).hex()
    there = {
        "direct": True,  # whether such memory exists is seen when it is allocated
        "float_controls": bool(controls.shaderSignedZeroInfNanPreserveFloat32),
        "budget": BUDGET_EXTENSION in extensions(functions, adapter.handle),
        "barrier_free": adapter.kind == "software",
        "shuffle": bool(
            groups.subgroupSupportedOperations & C.SUBGROUP_FEATURE_SHUFFLE_BIT
            and groups.subgroupSupportedStages & C.SHADER_STAGE_COMPUTE_BIT
        ),
    }
    return DeviceCaps(
        adapter.name,
        adapter.kind,
        adapter.driver,
        max_range=limits.maxStorageBufferRange,
        max_groups=min(limits.maxComputeWorkGroupCount[k] for k in range(3)),
        max_invocations=limits.maxComputeWorkGroupInvocations,
        shared_bytes=limits.maxComputeSharedMemorySize,
        subgroup=groups.subgroupSize,
        identity=f"{plain.vendorID:x}-{plain.deviceID:x}-{plain.driverVersion:x}-{uuid}",
        **{name: there[name] and name not in without for name in FEATURES},
    )


def extensions(functions: Any, handle: Any) -> set[str]:
    ffi = vk.ffi()
    count = ffi.new("uint32_t *")
    listed = functions.vkEnumerateDeviceExtensionProperties
    vk.check(listed(handle, ffi.NULL, count, ffi.NULL), "counting extensions")
    rows = ffi.new("VkExtensionProperties[]", count[0])
    vk.check(listed(handle, ffi.NULL, count, rows), "listing extensions")
    return {ffi.string(rows[k].extensionName).decode() for k in range(count[0])}

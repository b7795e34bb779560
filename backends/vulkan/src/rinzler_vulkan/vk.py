"""The narrow door to Vulkan: the loader, function tables, structures, and what a result means.

Nothing else imports the `vulkan` package, and of it only `ffi` and `lib` are used: its Python
wrappers cost six times as much per call. Functions are fetched once per instance and per device
(`vkGetDeviceProcAddr` skips the loader's trampoline) into a table of plain attributes, which is
also where tests put functions that fail.

Leaves out: extensions that the package does not know. Read next: `constants.py`, `instance.py`.
"""

from __future__ import annotations

import weakref
from functools import cache
from typing import Any

from rinzler_vulkan import constants as C
from rinzler_vulkan.errors import (
    GO_ON,
    DeviceLost,
    NoDriver,
    NoLoader,
    OutOfDeviceMemory,
    VulkanError,
)

LOADER_HELP = (
    "install the driver of your GPU (on Debian: apt install libvulkan1 mesa-vulkan-drivers)"
)

GLOBAL = ("vkCreateInstance", "vkEnumerateInstanceLayerProperties", "vkEnumerateInstanceVersion")
INSTANCE = (
    "vkDestroyInstance",
    "vkEnumeratePhysicalDevices",
    "vkEnumerateDeviceExtensionProperties",
    "vkGetPhysicalDeviceFeatures2",
    "vkGetPhysicalDeviceProperties2",
    "vkGetPhysicalDeviceQueueFamilyProperties",
    "vkGetPhysicalDeviceMemoryProperties2",
    "vkCreateDevice",
    "vkGetDeviceProcAddr",
)
MESSENGER = ("vkCreateDebugUtilsMessengerEXT", "vkDestroyDebugUtilsMessengerEXT")
DEVICE = (
    "vkDestroyDevice",
    "vkGetDeviceQueue",
    "vkCreateSemaphore",
    "vkDestroySemaphore",
    "vkGetSemaphoreCounterValue",
    "vkWaitSemaphores",
    "vkQueueSubmit2",
    "vkAllocateMemory",
    "vkFreeMemory",
    "vkMapMemory",
    "vkCreateBuffer",
    "vkDestroyBuffer",
    "vkGetBufferMemoryRequirements",
    "vkBindBufferMemory",
    "vkCreateShaderModule",
    "vkDestroyShaderModule",
    "vkCreatePipelineCache",
    "vkDestroyPipelineCache",
    "vkGetPipelineCacheData",
    "vkCreateDescriptorSetLayout",
    "vkDestroyDescriptorSetLayout",
    "vkCreatePipelineLayout",
    "vkDestroyPipelineLayout",
    "vkCreateComputePipelines",
    "vkDestroyPipeline",
    "vkCreateDescriptorPool",
    "vkDestroyDescriptorPool",
    "vkResetDescriptorPool",
    "vkAllocateDescriptorSets",
    "vkUpdateDescriptorSets",
    "vkCreateCommandPool",
    "vkDestroyCommandPool",
    "vkAllocateCommandBuffers",
    "vkBeginCommandBuffer",
    "vkEndCommandBuffer",
    "vkResetCommandBuffer",
    "vkCmdBindPipeline",
    "vkCmdBindDescriptorSets",
    "vkCmdPushConstants",
    "vkCmdDispatch",
    "vkCmdCopyBuffer",
    "vkCmdPipelineBarrier2",
)


class Functions:
    """A table of Vulkan functions: `table.vkCmdDispatch(...)`."""

    def __getattr__(self, name: str) -> Any:  # only where there is no such entry
        raise VulkanError(f"the driver has no function {name}: upgrade it")


@cache
def package() -> Any:
    """The `vulkan` package. Raises NoLoader where it finds no loader library."""
    try:
        import vulkan
    except OSError as error:
        raise NoLoader(f"there is no Vulkan loader on this machine: {LOADER_HELP}") from error
    return vulkan


def ffi() -> Any:
    return package().ffi


def global_functions() -> Functions:
    """What can be called without an instance."""
    lib, table = package().lib, Functions()
    for name in GLOBAL:
        setattr(table, name, getattr(lib, name))
    return table


def instance_functions(instance: Any, names: tuple[str, ...] = INSTANCE) -> Functions:
    return _filled(package().lib.vkGetInstanceProcAddr, instance, names)


def device_functions(get: Any, device: Any) -> Functions:
    return _filled(get, device, DEVICE)


def _filled(get: Any, owner: Any, names: tuple[str, ...]) -> Functions:
    cffi, table = ffi(), Functions()
    for name in names:
        address = get(owner, cffi.new("char[]", name.encode()))
        if address != cffi.NULL:
            setattr(table, name, cffi.cast(f"PFN_{name}", address))
    return table


# --- structures -------------------------------------------------------------------------------

_kept: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()


def struct(kind: str, chain: Any = None, **fields: Any) -> Any:
    """A pointer to a new structure, its type set, and `chain` as what pNext points to.

    Strings become C strings and lists become arrays; all of them live as long as the structure.
    """
    cffi = ffi()
    made = cffi.new(f"{kind} *")
    kept: list[Any] = [chain]
    if kind in C.STRUCTURES:
        made.sType = C.STRUCTURES[kind]
        if chain is not None:
            made.pNext = cffi.cast("void *", chain)
    types = dict(cffi.typeof(kind).fields)
    for name, value in fields.items():
        held = value
        if isinstance(value, (list, tuple)):
            held = _array(cffi, types[name].type, value, kept)
        elif isinstance(value, str):
            held = cffi.new("char[]", value.encode())
        kept.append(held)
        setattr(made, name, held)
    _kept[made] = kept
    return made


def _array(cffi: Any, pointer: Any, values: Any, kept: list[Any]) -> Any:
    if pointer.kind == "array":
        return values
    if not values:
        return cffi.NULL
    items = [cffi.new("char[]", v.encode()) if isinstance(v, str) else v for v in values]
    kept.append(items)
    element = pointer.item
    if element.kind == "struct":
        items = [item[0] for item in items]
    return cffi.new(cffi.typeof(cffi.getctype(element, "[]")), items)


# --- results ----------------------------------------------------------------------------------

NAMES = {
    getattr(C, name): f"VK_{name}"
    for name in dir(C)
    if name.startswith("ERROR_") or name in ("SUCCESS", "TIMEOUT", "INCOMPLETE")
}


def check(result: int, what: str) -> None:
    """Raises the error that a negative result stands for; `what` was being done."""
    if result >= 0:
        return
    name = NAMES.get(result, f"VkResult {result}")
    if result == C.ERROR_DEVICE_LOST:
        raise DeviceLost(f"the device was lost while {what} ({name}). {GO_ON}", result)
    if result in (C.ERROR_OUT_OF_DEVICE_MEMORY, C.ERROR_OUT_OF_HOST_MEMORY):
        raise OutOfDeviceMemory(f"out of memory while {what} ({name})", result)
    if result == C.ERROR_INCOMPATIBLE_DRIVER:
        raise NoDriver(f"no Vulkan driver could be loaded ({name}): {LOADER_HELP}", result)
    raise VulkanError(f"{what}: the driver answered {name}", result)

"""The Vulkan instance: the drivers of this machine, their devices, and the validation layer.

One instance per backend. With `validate` the Khronos layer checks every call and, through
synchronization validation, every pair of dispatches for a missing barrier; what it says is kept in
`messages` and goes to the log. Read next: `choosing.py`, then `caps.py`.
"""

from __future__ import annotations

import logging
from typing import Any

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.caps import missing_needs
from rinzler_vulkan.choosing import Adapter
from rinzler_vulkan.errors import NoDriver, VulkanError

log = logging.getLogger("rinzler")
LAYER = "VK_LAYER_KHRONOS_validation"
DEBUG_UTILS = "VK_EXT_debug_utils"


class Instance:
    """Raises NoLoader, NoDriver, VulkanError."""

    def __init__(self, validate: bool = False) -> None:
        self.ffi = vk.ffi()
        self.messages: list[str] = []  # of the validation layer
        self._messenger: Any = None
        functions = vk.global_functions()
        if validate:
            self._expect_layer(functions)
        self.handle = self._create(functions, validate)
        self.vk = vk.instance_functions(self.handle)
        if validate:
            self._listen()

    def _create(self, functions: Any, validate: bool) -> Any:
        enabled = [C.VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT]
        features = vk.struct(
            "VkValidationFeaturesEXT",
            enabledValidationFeatureCount=1,
            pEnabledValidationFeatures=enabled,
        )
        application = vk.struct(
            "VkApplicationInfo", pApplicationName="rinzler", apiVersion=C.API_1_3
        )
        info = vk.struct(
            "VkInstanceCreateInfo",
            features if validate else None,
            pApplicationInfo=application,
            enabledLayerCount=int(validate),
            ppEnabledLayerNames=[LAYER] if validate else [],
            enabledExtensionCount=int(validate),
            ppEnabledExtensionNames=[DEBUG_UTILS] if validate else [],
        )
        out = self.ffi.new("VkInstance *")
        result = functions.vkCreateInstance(info, self.ffi.NULL, out)
        vk.check(result, "creating the Vulkan instance")
        return out[0]

    def _expect_layer(self, functions: Any) -> None:
        layers = _listed(
            self.ffi, "VkLayerProperties", functions.vkEnumerateInstanceLayerProperties
        )
        if LAYER not in [self.ffi.string(layer.layerName).decode() for layer in layers]:
            raise VulkanError(
                f"{LAYER} is not installed (on Debian: apt install vulkan-validationlayers); "
                "leave RINZLER_VULKAN_VALIDATE out to do without"
            )

    def _listen(self) -> None:
        kind = "PFN_vkDebugUtilsMessengerCallbackEXT"

        def hear(severity: Any, types: Any, data: Any, user: Any) -> int:
            text = self.ffi.string(data.pMessage).decode(errors="replace")
            self.messages.append(text)
            log.warning("vulkan validation: %s", text)
            return 0

        self._callback = self.ffi.callback(kind, hear)
        severities = (
            C.DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT
            | C.DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT
        )
        info = vk.struct(
            "VkDebugUtilsMessengerCreateInfoEXT",
            messageSeverity=severities,
            messageType=C.DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
            pfnUserCallback=self._callback,
        )
        self._extra = vk.instance_functions(self.handle, vk.MESSENGER)
        out = self.ffi.new("VkDebugUtilsMessengerEXT *")
        create = self._extra.vkCreateDebugUtilsMessengerEXT
        vk.check(create(self.handle, info, self.ffi.NULL, out), "listening to the validation layer")
        self._messenger = out[0]

    def adapters(self) -> list[Adapter]:
        """All devices of all drivers. Raises NoDriver."""
        try:
            handles = _listed(
                self.ffi, "VkPhysicalDevice", self.vk.vkEnumeratePhysicalDevices, self.handle
            )
        except VulkanError as error:
            if error.result != C.ERROR_INITIALIZATION_FAILED:
                raise
            raise NoDriver(
                f"no Vulkan driver works here: {vk.LOADER_HELP}", error.result
            ) from error
        found = []
        for index, handle in enumerate(handles):
            driver = vk.struct("VkPhysicalDeviceVulkan12Properties")
            properties = vk.struct("VkPhysicalDeviceProperties2", driver)
            self.vk.vkGetPhysicalDeviceProperties2(handle, properties)
            plain = properties.properties
            text = [
                self.ffi.string(part).decode() for part in (driver.driverName, driver.driverInfo)
            ]
            found.append(
                Adapter(
                    index,
                    self.ffi.string(plain.deviceName).decode(),
                    C.DEVICE_TYPES.get(plain.deviceType, "other"),
                    missing_needs(self.vk, handle, plain),
                    " ".join(text),
                    handle,
                )
            )
        return found

    def close(self) -> None:
        """Give the instance back; its devices must be closed before."""
        if self.handle is None:
            return
        if self._messenger is not None:
            self._extra.vkDestroyDebugUtilsMessengerEXT(self.handle, self._messenger, self.ffi.NULL)
        self.vk.vkDestroyInstance(self.handle, self.ffi.NULL)
        self.handle = None


def _listed(ffi: Any, kind: str, function: Any, *owner: Any) -> list[Any]:
    """Vulkan's way to list things: once for the count, once for the contents."""
    count = ffi.new("uint32_t *")
    vk.check(function(*owner, count, ffi.NULL), f"counting {kind}")
    items = ffi.new(f"{kind}[]", count[0])
    vk.check(function(*owner, count, items), f"listing {kind}")
    return [items[k] for k in range(count[0])]

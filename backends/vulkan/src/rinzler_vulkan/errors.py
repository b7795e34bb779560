"""What can go wrong between Rinzler and a driver, each with the next thing to do.

All are BackendErrors, so a command prints them in one line and leaves with exit code 3.
`OutOfDeviceMemory` is a MemoryError too: core answers it by giving back idle memory and asking once
more. Read next: `vk.py`, where result codes become these.
"""

from __future__ import annotations

from rinzler.errors import BackendError, OutOfMemoryError

GO_ON = "Nothing on it can be read any more; what was saved before is good, for a new process"


class VulkanError(BackendError):
    """A Vulkan call failed; `result` is its code, 0 where there is none."""

    def __init__(self, message: str, result: int = 0) -> None:
        super().__init__(message)
        self.result = result


class NoLoader(VulkanError):
    """The Vulkan loader library is not on this machine."""


class NoDriver(VulkanError):
    """There is a loader, but no driver that it could load."""


class NoDevice(VulkanError):
    """Drivers are there, but none has the device that was asked for."""


class DeviceTooOld(VulkanError):
    """The device lacks something that every kernel needs."""


class OutOfDeviceMemory(VulkanError, OutOfMemoryError, MemoryError):
    """No memory of the wanted kind is left; the message has the sizes."""


class DeviceLost(VulkanError):
    """The driver gave up on the device; nothing on it can be read any more."""


class DeviceHung(DeviceLost):
    """The device did not finish within the deadline."""


class Forked(VulkanError):
    """A process used a device that its parent opened."""


class ShaderMissing(VulkanError):
    """A kernel names a shader, a constant or a binding that was not compiled."""


class TooLarge(VulkanError):
    """An operand is larger than the device lets a shader see at once."""

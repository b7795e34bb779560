"""What Rinzler reads to learn that the Vulkan backend exists; importing it imports no vulkan.

The probe loads the driver's list of devices and nothing more. Read next: `probe.py`.
"""

from rinzler.plugins import BackendInfo, hookimpl


@hookimpl
def rinzler_backends() -> list[BackendInfo]:
    return [
        BackendInfo(
            "vulkan",
            factory="rinzler_vulkan.backend:VulkanBackend",
            priority=100,
            requires=("vulkan",),
            probe="rinzler_vulkan.probe:probe",
            devices="rinzler_vulkan.probe:devices",
            summary="any GPU with a Vulkan 1.3 driver: float32, the whole step on the device",
            install_hint="pip install --upgrade rinzler-vulkan, and install your GPU's driver",
        )
    ]

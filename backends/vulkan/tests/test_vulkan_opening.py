"""What is said where no device can be opened: no loader, no driver, no device, one too old."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from vulkan_testing import FULL, LOST, Opened, failing

from rinzler.errors import BackendError
from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.backend import VulkanBackend
from rinzler_vulkan.choosing import choose
from rinzler_vulkan.errors import (
    DeviceLost,
    DeviceTooOld,
    NoDevice,
    NoDriver,
    NoLoader,
    OutOfDeviceMemory,
    VulkanError,
)
from rinzler_vulkan.instance import Instance
from rinzler_vulkan.probe import probe
from rinzler_vulkan.settings import Settings


def test_no_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent:
        def find_spec(self, name: str, *rest: Any) -> None:
            if name == "vulkan":
                raise OSError("Cannot find Vulkan SDK version")

    for name in [name for name in sys.modules if name.split(".")[0] == "vulkan"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    vk.package.cache_clear()
    with pytest.raises(NoLoader, match="no Vulkan loader on this machine: install the driver"):
        vk.package()
    assert "apt install libvulkan1" in str(probe())
    vk.package.cache_clear()


def test_no_driver_in_a_process_of_its_own(driver: None) -> None:
    environment = {**os.environ, "VK_DRIVER_FILES": "/nowhere", "VK_ICD_FILENAMES": "/nowhere"}
    ask = "from rinzler_vulkan.probe import probe; print(probe())"
    command = [sys.executable, "-c", ask]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "no Vulkan driver could be loaded" in said.stdout
    assert "mesa-vulkan-drivers" in said.stdout


def test_a_software_device_alone_is_unavailable(
    driver: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINZLER_VULKAN_DEVICE", "nobody's card")
    assert 'there is no device called "nobody\'s card"; there are: 0: ' in str(probe())
    monkeypatch.setenv("RINZLER_VULKAN_DEVICE", "99")
    assert "there is no device 99; there are: 0: " in str(probe())
    monkeypatch.setenv("RINZLER_VULKAN_DEVICE", "0")
    assert probe() is None


def test_the_wrong_name_lists_the_devices(opened: Opened) -> None:
    with pytest.raises(NoDevice, match="no device called 'radeon 9'; there are: 0: "):
        opened(device="radeon 9")


def test_an_instance_that_finds_no_driver(driver: None) -> None:
    instance = Instance()
    failed = failing(instance.vk, "vkEnumeratePhysicalDevices", C.ERROR_INITIALIZATION_FAILED)
    with failed, pytest.raises(NoDriver, match="no Vulkan driver works here"):
        instance.adapters()
    instance.close()


def test_a_device_too_old_says_what_it_lacks(driver: None) -> None:
    instance = Instance()
    real = instance.vk.vkGetPhysicalDeviceProperties2

    def old(handle: Any, properties: Any) -> None:
        real(handle, properties)
        properties.properties.apiVersion = 1 << 22 | 2 << 12

    instance.vk.vkGetPhysicalDeviceProperties2 = old
    with pytest.raises(DeviceTooOld, match=r"lacks Vulkan 1.3 \(it has 1.2\): upgrade its driver"):
        choose(instance.adapters(), "0")
    instance.close()


def test_a_device_without_a_feature_says_which(driver: None) -> None:
    instance = Instance()
    real = instance.vk.vkGetPhysicalDeviceFeatures2

    def poor(handle: Any, features: Any) -> None:
        real(handle, features)
        chained = vk.ffi().cast("VkPhysicalDeviceVulkan12Features *", features.pNext)
        chained.timelineSemaphore = 0

    instance.vk.vkGetPhysicalDeviceFeatures2 = poor
    assert all(adapter.lacks == ("timeline semaphores",) for adapter in instance.adapters())
    instance.close()


def test_unknown_features_to_do_without_are_refused(opened: Opened) -> None:
    with pytest.raises(BackendError, match="WITHOUT names fp17, expected direct, float_controls"):
        opened(without=frozenset({"fp17"}))


@pytest.mark.parametrize("result", [C.ERROR_INITIALIZATION_FAILED, -12345, FULL, LOST])
def test_every_result_has_a_type_and_says_what_was_done(result: int) -> None:
    with pytest.raises(VulkanError, match="compiling matmul") as caught:
        vk.check(result, "compiling matmul")
    assert caught.value.result == result
    assert isinstance(caught.value, OutOfDeviceMemory) == (result == FULL)
    assert isinstance(caught.value, DeviceLost) == (result == LOST)


def test_a_software_device_says_so_unless_somebody_wished_for_it(driver: None) -> None:
    """A number comes from a list that a search goes through: nobody has named the device then."""
    instance = Instance()
    found = [adapter.index for adapter in instance.adapters() if adapter.kind == "software"]
    instance.close()
    for number in found:
        for wish, said in (("", True), ("software", False), (str(number), False)):
            backend = VulkanBackend(replace(Settings.read(), device=wish), device=number)
            assert backend.caps.software is said
            backend.close()

"""The logical device: one queue, one timeline, and three reasons to refuse further work.

Each submit raises the timeline by one; "wait for value n" is the only way to wait, and every wait
has a deadline. A device that was lost, that hung, or that a forked process inherited answers every
further call with a typed error, never with a crash. What is created is registered with what
destroys it, and destroyed in reverse order.

Leaves out: what is submitted. Read next: `memory.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.caps import BUDGET_EXTENSION, queue_family, read_caps
from rinzler_vulkan.choosing import Adapter
from rinzler_vulkan.errors import GO_ON, DeviceHung, DeviceLost, Forked, VulkanError
from rinzler_vulkan.instance import Instance
from rinzler_vulkan.settings import Settings

FIRST = 5  # times the deadline: a software driver compiles kernels during the first submits
SLICE = 0.5  # seconds that the driver waits at a time; in between Ctrl-C is heard


class LogicalDevice:
    """An opened device. Raises VulkanError."""

    def __init__(self, instance: Instance, adapter: Adapter, settings: Settings) -> None:
        self.instance = instance
        self.adapter = adapter
        self.settings = settings
        self.ffi = instance.ffi
        self.caps = read_caps(instance.vk, adapter, settings.without)
        self.pid = os.getpid()
        self.refusal: VulkanError | None = None  # why no further work is taken
        self._destroyers: dict[int, Callable[[], None]] = {}
        self._numbers = count(1)
        self.handle = self._create()
        self.vk = vk.device_functions(instance.vk.vkGetDeviceProcAddr, self.handle)
        out = self.ffi.new("VkQueue *")
        self.vk.vkGetDeviceQueue(self.handle, self.family, 0, out)
        self.queue = out[0]
        self._make_timeline()

    def _create(self) -> Any:
        family = queue_family(self.instance.vk, self.adapter.handle)
        assert family is not None  # or the adapter would lack it, and not have been chosen
        self.family = family
        newer = vk.struct("VkPhysicalDeviceVulkan13Features", synchronization2=1, maintenance4=1)
        features = vk.struct("VkPhysicalDeviceVulkan12Features", newer, timelineSemaphore=1)
        queue = vk.struct(
            "VkDeviceQueueCreateInfo",
            queueFamilyIndex=family,
            queueCount=1,
            pQueuePriorities=[1.0],
        )
        names = [BUDGET_EXTENSION] if self.caps.budget else []
        info = vk.struct(
            "VkDeviceCreateInfo",
            features,
            queueCreateInfoCount=1,
            pQueueCreateInfos=[queue],
            enabledExtensionCount=len(names),
            ppEnabledExtensionNames=names,
        )
        out = self.ffi.new("VkDevice *")
        result = self.instance.vk.vkCreateDevice(self.adapter.handle, info, self.ffi.NULL, out)
        vk.check(result, f"opening {self.adapter}")
        return out[0]

    def _make_timeline(self) -> None:
        kind = vk.struct("VkSemaphoreTypeCreateInfo", semaphoreType=C.SEMAPHORE_TYPE_TIMELINE)
        self.timeline = self.create("Semaphore", vk.struct("VkSemaphoreCreateInfo", kind))
        self.submitted = 0  # the value that the last submit will reach
        self._reached = 0  # the value that the device is known to have reached
        self._counter = self.ffi.new("uint64_t *")
        stages = C.PIPELINE_STAGE_2_ALL_COMMANDS_BIT
        self._signal = vk.struct("VkSemaphoreSubmitInfo", semaphore=self.timeline, stageMask=stages)
        self._awaited = self.ffi.new("uint64_t[1]")
        self._wait = vk.struct(
            "VkSemaphoreWaitInfo",
            semaphoreCount=1,
            pSemaphores=[self.timeline],
            pValues=self._awaited,
        )

    # --- objects ------------------------------------------------------------------------------

    def create(self, kind: str, info: Any, keep: bool = True) -> Any:
        """vkCreate<kind>; destroyed when the device is closed, unless the caller does it."""
        out = self.ffi.new(f"Vk{kind} *")
        result = getattr(self.vk, f"vkCreate{kind}")(self.handle, info, self.ffi.NULL, out)
        vk.check(result, f"creating a {kind}")
        made = out[0]
        if keep:
            self.own(lambda: self.destroy(kind, made))
        return made

    def destroy(self, kind: str, made: Any) -> None:
        getattr(self.vk, f"vkDestroy{kind}")(self.handle, made, self.ffi.NULL)

    def own(self, destroy: Callable[[], None]) -> int:
        """Have `destroy` called when the device is closed; returns a number for `disown`."""
        number = next(self._numbers)  # in one step: pipelines are made by several threads
        self._destroyers[number] = destroy
        return number

    def disown(self, number: int) -> Callable[[], None] | None:
        return self._destroyers.pop(number, None)

    @property
    def open(self) -> bool:
        return self.handle is not None and os.getpid() == self.pid

    # --- work ---------------------------------------------------------------------------------

    def prepare(self, commands: Sequence[Any]) -> Any:
        """What a submit of these command buffers needs, made once for any number of submits."""
        infos = [vk.struct("VkCommandBufferSubmitInfo", commandBuffer=each) for each in commands]
        return vk.struct(
            "VkSubmitInfo2",
            commandBufferInfoCount=len(infos),
            pCommandBufferInfos=infos,
            signalSemaphoreInfoCount=1,
            pSignalSemaphoreInfos=self._signal,
        )

    def submit(self, prepared: Any, what: str) -> int:
        """Hand work to the device; returns the value to wait for. Raises DeviceLost, Forked."""
        self.expect_usable()
        value = self.submitted + 1
        self._signal.value = value
        result = self.vk.vkQueueSubmit2(self.queue, 1, prepared, self.ffi.NULL)
        if result < 0:
            self._refuse_after(lambda: vk.check(result, f"submitting {what}"))
        self.submitted = value
        return value

    def has_reached(self, value: int) -> bool:
        """Whether it is known without asking that the device is done with all up to a value."""
        return value <= self._reached

    def is_reached(self, value: int) -> bool:
        """Whether the device is known to be done with all up to a value; asks, never waits."""
        if value <= self._reached:
            return True
        if value > self.submitted:
            return False
        self.expect_usable()
        result = self.vk.vkGetSemaphoreCounterValue(self.handle, self.timeline, self._counter)
        if result < 0:
            self._refuse_after(lambda: vk.check(result, "asking how far the device is"))
        self._reached = int(self._counter[0])
        return value <= self._reached

    def wait(self, value: int, what: str) -> None:
        """Return when the device has reached a value. Raises DeviceHung, DeviceLost, Forked."""
        if value <= self._reached:
            return
        self.expect_usable()
        seconds = self.settings.timeout * (1 if self._reached else FIRST)
        result = self._await(value, seconds)
        if result == C.TIMEOUT:
            self.refusal = DeviceHung(
                f"the device did not finish within {seconds:g} s while {what}. {GO_ON}. "
                f"If it is only slow: RINZLER_VULKAN_TIMEOUT={10 * seconds:g}",
                C.TIMEOUT,
            )
            raise self.refusal
        if result < 0:
            self._refuse_after(lambda: vk.check(result, f"waiting while {what}"))
        self._reached = value

    def _await(self, value: int, seconds: float) -> int:
        """In slices: a process that was stopped, or a machine that slept, has waited one of them
        when it goes on, and not past its deadline."""
        self._awaited[0] = value
        result = C.TIMEOUT
        while result == C.TIMEOUT and seconds > 0:
            part = min(seconds, SLICE)
            result = self.vk.vkWaitSemaphores(self.handle, self._wait, int(part * 1e9))
            seconds -= part
        return int(result)

    def expect_usable(self) -> None:
        """Raises what stands against using the device."""
        if self.refusal is not None:
            raise type(self.refusal)(str(self.refusal), self.refusal.result)
        if os.getpid() != self.pid:
            raise Forked(
                f"the Vulkan device was opened by process {self.pid} and this is a fork of it: "
                'start processes with multiprocessing.get_context("spawn")'
            )
        if self.handle is None:
            raise VulkanError("the Vulkan device is closed: open another backend")

    def _refuse_after(self, fail: Callable[[], None]) -> None:
        """Raise what `fail` raises; if the device is lost, remember that."""
        try:
            fail()
        except DeviceLost as error:
            self.refusal = error
            raise

    def close(self) -> bool:
        """Wait for what is under way, then destroy all there is; a forked child leaves all alone.

        If the device hangs, it still works on what would be destroyed: then nothing is, and the
        answer is False. One that is lost answers at once.
        """
        if not self.open:
            return self.handle is None
        hung = isinstance(self.refusal, DeviceHung)  # then it has had its time
        hung = hung or self._await(self.submitted, self.settings.timeout) == C.TIMEOUT
        if not hung:
            for number in sorted(self._destroyers, reverse=True):
                self._destroyers.pop(number)()
            self.vk.vkDestroyDevice(self.handle, self.ffi.NULL)
        self.handle = None
        return not hung

"""What happens when memory runs out, a device goes away or a process forks: typed errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from vulkan_testing import FULL, LOST, Opened, failing

from rinzler.errors import OutOfMemoryError
from rinzler.ops import Device, call
from rinzler_vulkan import constants as C
from rinzler_vulkan.errors import (
    DeviceHung,
    DeviceLost,
    Forked,
    NoDevice,
    OutOfDeviceMemory,
    VulkanError,
)
from rinzler_vulkan.instance import Instance


def work(device: Device) -> np.ndarray:
    x = device.array(np.ones(3, np.float32))
    return call("add", x, x).numpy()


# --- memory -----------------------------------------------------------------------------------


def test_memory_that_no_device_has(device: Device) -> None:
    with pytest.raises(
        OutOfMemoryError, match=r"no 1048576.0 MiB left.*Use a smaller --b"
    ) as caught:
        device.empty((1 << 38,), "float32")
    cause = caught.value.__cause__
    assert isinstance(cause, OutOfDeviceMemory)
    assert isinstance(cause, MemoryError)
    assert "has no room for 1048576.0 MiB in one piece" in str(cause)
    assert (work(device) == 2).all()


def test_running_out_once_gives_back_what_lies_idle(opened: Opened) -> None:
    backend = opened()
    device = Device(backend)
    size = 20 << 20
    kept = [device.empty((size // 4,), "float32") for _ in range(3)]
    with failing(backend.device.vk, "vkAllocateMemory", FULL, times=9):
        with pytest.raises(OutOfMemoryError):
            device.empty((size // 4,), "float32")
        kept.pop()  # lies idle with core's allocator, and then comes back from there
        device.empty((size // 4 - 1000,), "float32")
    assert (work(device) == 2).all()


def test_memory_in_use_by_the_device_is_awaited(opened: Opened) -> None:
    backend = opened()
    device = Device(backend)
    x = device.full((10 << 20,), 1.0, "float32")
    assert not backend.device.is_reached(x.block.buffer.last_use)  # noted, not even handed in
    del x
    with failing(backend.device.vk, "vkAllocateMemory", FULL, times=9):
        device.memory.trim()
        device.empty((10 << 20,), "float32")


@pytest.mark.parametrize("name", ["vkAllocateMemory", "vkBindBufferMemory", "vkMapMemory"])
def test_a_chunk_that_fails_halfway_leaves_nothing(opened: Opened, name: str) -> None:
    backend = opened()
    with failing(backend.device.vk, name, FULL, times=9), pytest.raises(OutOfDeviceMemory):
        backend.alloc(300 << 20)
    backend.alloc(300)


# --- a device that goes away ------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_device_lost_at_any_submit(opened: Opened, at: int) -> None:
    backend = opened()
    device = Device(backend)
    words = r"lost while submitting add \(VK_ERROR_DEVICE_LOST\)\. .* saved before is good"
    with failing(backend.device.vk, "vkQueueSubmit2", LOST, at=at):
        for _ in range(at - 1):
            work(device)
        with pytest.raises(DeviceLost, match=words):
            work(device)
    for again in (work, lambda d: d.synchronize(), lambda d: d.empty((1 << 20,), "float32")):
        with pytest.raises(DeviceLost, match="lost while submitting"):
            again(device)


@pytest.mark.parametrize("name", ["vkWaitSemaphores", "vkGetSemaphoreCounterValue"])
def test_a_device_lost_while_waiting(opened: Opened, name: str) -> None:
    backend = opened(without=frozenset({"direct"}))
    device = Device(backend)
    x = device.array(np.ones(3, np.float32))
    y = call("add", x, x)
    backend.recorder.flush()
    ask = backend.device.is_reached
    if name == "vkWaitSemaphores":
        ask = partial(backend.device.wait, what="looking")
    with failing(backend.device.vk, name, LOST), pytest.raises(DeviceLost, match="lost while"):
        ask(backend.device.submitted)
    with pytest.raises(DeviceLost, match="lost while"):
        y.numpy()


def test_a_device_that_hangs(opened: Opened) -> None:
    backend = opened(timeout=7.0)
    device = Device(backend)
    work(device)
    words = r"within 7 s while running add\. .*_TIMEOUT"
    with (
        failing(backend.device.vk, "vkWaitSemaphores", C.TIMEOUT, times=14),
        pytest.raises(DeviceHung, match=words),
    ):
        work(device)
    with pytest.raises(DeviceHung):
        work(device)
    backend.device.refusal = None  # it did not hang in truth: let the fixture close it


def test_the_deadline_reaches_the_driver(opened: Opened) -> None:
    backend = opened(timeout=7.25)
    asked: list[int] = []
    real = backend.device.vk.vkWaitSemaphores

    def late(slices: int) -> Callable[..., int]:
        """A driver that answers after so many slices."""
        asked.clear()

        def listen(device: Any, info: Any, nanoseconds: int) -> int:
            asked.append(nanoseconds)
            return int(real(device, info, 10**10)) if len(asked) > slices else C.TIMEOUT

        return listen

    device = Device(backend)
    backend.device.vk.vkWaitSemaphores = late(72)  # the first: a driver may compile until now
    work(device)
    assert sum(asked) == 36.25e9
    backend.device.vk.vkWaitSemaphores = late(14)
    work(device)
    assert asked == [5 * 10**8] * 14 + [25 * 10**7]
    backend.device.vk.vkWaitSemaphores = late(15)
    with pytest.raises(DeviceHung, match=r"within 7\.25 s"):
        work(device)
    backend.device.vk.vkWaitSemaphores = real
    backend.device.refusal = None


def test_a_fork_is_refused(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = opened()
    device = Device(backend)
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: 1)
        for use in (work, lambda d: d.synchronize(), lambda d: d.backend.alloc(1)):
            with pytest.raises(Forked, match=r'is a fork of it: .*get_context\("spawn"\)'):
                use(device)
        backend.device.close()  # a child leaves the parent's device alone
    assert (work(device) == 2).all()


def test_a_closed_backend_says_so(opened: Opened) -> None:
    backend = opened()
    device = Device(backend)
    backend.close()
    with pytest.raises(VulkanError, match="device is closed: open another"):
        work(device)
    backend.close()


def test_opening_that_fails_leaves_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    real = Instance.close
    monkeypatch.setattr(Instance, "close", lambda self: (closed.append(self), real(self)))
    with pytest.raises(NoDevice):
        opened(device="nobody")
    assert len(closed) == 1

"""Buffers, views and copies: alignment, order, staging, and memory that comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vulkan_testing import Opened

from rinzler.errors import BackendError
from rinzler.ops import Device, call
from rinzler_vulkan.memory import ALIGNMENT, CHUNK
from rinzler_vulkan.memorytypes import MemoryType, MemoryTypes
from rinzler_vulkan.transfer import RING


@pytest.fixture(params=["direct", "staged"])
def either(request: pytest.FixtureRequest, opened: Opened) -> Device:
    """A device whose memory the host reaches, and one where everything is copied."""
    return Device(opened(without=frozenset() if request.param == "direct" else {"direct"}))


@pytest.mark.parametrize("count", [1, 3, 1000, RING // 8 + 1, RING // 2 + 77])
def test_what_goes_in_comes_out(either: Device, rng: np.random.Generator, count: int) -> None:
    host = rng.standard_normal(count).astype(np.float32)
    kept = host.copy()
    array = either.array(host)
    host[:] = 0  # the device holds a copy
    np.testing.assert_array_equal(array.numpy(), kept)


def test_uploads_stand_in_line_with_calls(either: Device) -> None:
    x = either.array(np.zeros(1000, np.float32))
    sums = []
    for k in range(300):  # more than a batch of calls, none awaited
        x.upload(np.full(1000, k, np.float32))
        sums.append(call("sum_rows", x.reshape((1, 1000))))
    assert [float(total.numpy()[0]) for total in sums] == [1000.0 * k for k in range(300)]


def test_no_upload_waits_for_the_device(opened: Opened) -> None:
    backend = opened()
    device = Device(backend)
    x = device.array(np.zeros(8, np.float32))
    waits = []
    backend.device.wait = lambda value, what: waits.append(value)
    call("add", x, x)
    x.upload(np.ones(8, np.float32))
    del backend.device.wait
    assert waits == [0]  # of a command buffer that was never used


def test_many_calls_in_flight_give_what_they_should(either: Device) -> None:
    x = either.full((5, 7), 1.0, "float32")
    one = either.constant(1.0, "float32")
    for _ in range(1500):
        x = call("add", x, one)
    assert (x.numpy() == 1501).all()


def test_views_are_checked(backend: Any) -> None:
    buffer = backend.alloc(1024)
    view = backend.view(buffer, 256, (3, 64), "float32")
    assert view.offset == buffer.start + 256
    assert view.nbytes == 768
    with pytest.raises(BackendError, match="does not fit at byte 512 of a buffer of 1024"):
        backend.view(buffer, 512, (129,), "float32")
    with pytest.raises(BackendError, match="or 128 is no multiple of 256"):
        backend.view(buffer, 128, (1,), "float32")
    assert buffer.start % ALIGNMENT == 0


def test_memory_comes_back_when_the_device_is_done(opened: Opened) -> None:
    backend = opened()
    device = Device(backend)
    device.full((8,), 0.0, "float32").numpy()
    held = len(backend.pool.chunks)
    for _ in range(20):
        x = device.full((CHUNK // 4,), 1.0, "float32")  # a chunk of its own
        call("sum_rows", x.reshape((1, x.size))).numpy()
        del x
        device.memory.trim()
    device.empty((8,), "float32")
    backend.alloc(8)
    assert len(backend.pool.chunks) <= held + 1


def test_backends_open_and_close_without_end(opened: Opened) -> None:
    for _ in range(10):
        backend = opened(validate=False)
        device = Device(backend)
        x = device.array(np.ones(3, np.float32))
        assert (call("add", x, x).numpy() == 2).all()
        backend.close()
        assert backend.device.handle is None
        assert not backend.device._destroyers


def test_two_devices_know_nothing_of_each_other(opened: Opened) -> None:
    one, two = Device(opened()), Device(opened())
    x, y = one.full((4,), 1.0, "float32"), two.full((4,), 2.0, "float32")
    x2, y2 = call("add", x, x), call("mul", y, y)
    assert (y2.numpy() == 4).all()
    assert (x2.numpy() == 2).all()


@pytest.mark.parametrize(
    ("flags", "host", "direct", "chosen"),
    [
        ([1, 6, 14], False, True, 0),  # a card without a window: work in its own memory
        ([1, 6, 14], True, True, 2),  # staging in memory that the host reads fast
        ([1, 7, 14], False, True, 1),  # a card that the host reaches whole
        ([1, 7, 14], False, False, 0),
        ([15], False, True, 0),  # one kind for all
        ([15], True, True, 0),
    ],
)
def test_the_kind_of_memory(flags: list[int], host: bool, direct: bool, chosen: int) -> None:
    rows = tuple(MemoryType(k, bits, 8 << 30) for k, bits in enumerate(flags))
    assert MemoryTypes(rows).choose(0b111, host, direct).index == chosen


def test_a_small_window_is_not_taken_for_work() -> None:
    rows = (MemoryType(0, 7, 256 << 20), MemoryType(1, 1, 8 << 30))
    assert MemoryTypes(rows).choose(0b11, False, True).index == 1

"""Storage: aligned buffers, views, copies in and out, and what happens when memory runs out."""

from __future__ import annotations

import numpy as np
import pytest

from rinzler.errors import DtypeError, OutOfMemoryError
from rinzler.ops import Device
from rinzler_numba.backend import NumbaBackend
from rinzler_numba.memory import ALIGNMENT, Buffer


@pytest.mark.parametrize("nbytes", [1, 4, 63, 64, 65, 4097, 1_000_003])
def test_a_buffer_starts_on_a_cache_line(nbytes: int) -> None:
    backend = NumbaBackend()
    for _ in range(5):
        buffer = backend.alloc(nbytes)
        assert buffer.bytes.nbytes == nbytes
        assert buffer.address == buffer.bytes.ctypes.data
        assert buffer.address % ALIGNMENT == 0


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_a_view_lies_at_its_offset_and_shares_memory(dtype: str) -> None:
    backend = NumbaBackend()
    buffer = backend.alloc(4 * ALIGNMENT)
    handle = backend.view(buffer, 2 * ALIGNMENT, (2, 3), dtype)
    assert handle.address == buffer.address + 2 * ALIGNMENT
    assert (handle.shape, handle.size, handle.dtype) == ((2, 3), 6, dtype)
    array = handle.array()
    assert array.ctypes.data == handle.address
    assert (array.dtype, array.shape, array.flags.c_contiguous) == (dtype, (2, 3), True)
    buffer.bytes[:] = 0
    array.fill(7)
    assert (buffer.bytes[: 2 * ALIGNMENT] == 0).all()
    assert (buffer.bytes[2 * ALIGNMENT :].view(dtype)[:6] == 7).all()


def test_a_view_keeps_its_buffer_alive(rng: np.random.Generator) -> None:
    backend = NumbaBackend()
    host = rng.standard_normal((50, 1000)).astype(np.float32)
    handle = backend.view(backend.alloc(host.nbytes), 0, host.shape, "float32")
    backend.upload(handle, host)
    others = [Buffer(host.nbytes) for _ in range(8)]  # would take its place
    for other in others:
        other.bytes[:] = 255
    back = np.empty_like(host)
    backend.download(handle, back)
    np.testing.assert_array_equal(back, host)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (2, 1, 4, 3)])
def test_upload_and_download_copy(
    device: Device, rng: np.random.Generator, dtype: str, shape: tuple[int, ...]
) -> None:
    host = np.array(100 * rng.standard_normal(shape), dtype)
    kept = host.copy()
    array = device.array(host)
    host[...] = 0  # the device holds a copy
    first = array.numpy()
    np.testing.assert_array_equal(first, kept)
    first[...] = 0  # and hands out copies
    np.testing.assert_array_equal(array.numpy(), kept)


def test_bits_go_through_unchanged(device: Device) -> None:
    bits = np.array([0x7FC12345, 0xFFC00001, 0x00000001, 0x80000000, 0x7F800000], np.uint32)
    assert device.array(bits.view(np.float32)).numpy().view(np.uint32).tolist() == bits.tolist()


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((2**58,), id="more than the machine has"),
        pytest.param((2**62,), id="more than an address can count"),
    ],
)
def test_too_much_memory_is_an_out_of_memory_error(device: Device, shape: tuple[int, ...]) -> None:
    with pytest.raises(
        OutOfMemoryError, match=r"backend 'numba' has no \d+\.\d MiB left"
    ) as caught:
        device.empty(shape, "float32")
    assert isinstance(caught.value.__cause__, MemoryError)
    assert "--batch-size" in str(caught.value)
    small = device.full((4,), 1.5, "float32")  # and the device is as good as before
    assert small.numpy().tolist() == [1.5] * 4


def test_float64_is_refused_with_what_there_is(device: Device) -> None:
    with pytest.raises(DtypeError, match="numba") as caught:
        device.empty((3,), "float64")
    assert "float32, int32" in str(caught.value)

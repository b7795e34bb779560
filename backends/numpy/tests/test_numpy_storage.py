"""Storage: aligned buffers, views, copies in and out, and what happens when memory runs out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from rinzler.errors import OutOfMemoryError
from rinzler.ops import OPS, Device
from rinzler_numpy.backend import ALIGNMENT, NumpyBackend

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("nbytes", [1, 4, 63, 64, 65, 4097, 1_000_003])
def test_a_buffer_starts_on_a_cache_line(nbytes: int) -> None:
    backend = NumpyBackend()
    for _ in range(5):
        buffer = backend.alloc(nbytes)
        assert buffer.nbytes == nbytes
        assert buffer.ctypes.data % ALIGNMENT == 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_view_lies_at_its_offset_and_shares_memory(dtype: str) -> None:
    backend = NumpyBackend()
    buffer = backend.alloc(4 * ALIGNMENT)
    handle = backend.view(buffer, 2 * ALIGNMENT, (2, 3), dtype)
    assert handle.ctypes.data == buffer.ctypes.data + 2 * ALIGNMENT
    assert handle.shape == (2, 3)
    assert handle.dtype == dtype
    assert handle.flags.c_contiguous
    buffer[:] = 0
    handle.fill(7)
    assert (buffer[: 2 * ALIGNMENT] == 0).all()
    assert (buffer[2 * ALIGNMENT :].view(dtype)[:6] == 7).all()


def test_a_view_cannot_reach_past_its_buffer() -> None:
    backend = NumpyBackend()
    with pytest.raises(TypeError, match="buffer is too small"):
        backend.view(backend.alloc(64), 0, (17,), "float32")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_upload_and_download_copy(device: Device, rng: np.random.Generator, dtype: str) -> None:
    host = (100 * rng.standard_normal((3, 5))).astype(dtype)
    kept = host.copy()
    array = device.array(host)
    host[:] = 0  # the device holds a copy
    first = array.numpy()
    np.testing.assert_array_equal(first, kept)
    first[:] = 0  # and hands out copies
    np.testing.assert_array_equal(array.numpy(), kept)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((2**58,), id="more than the machine has"),
        pytest.param((2**62,), id="more than an address can count"),
    ],
)
def test_too_much_memory_is_an_out_of_memory_error(device: Device, shape: tuple[int, ...]) -> None:
    with pytest.raises(
        OutOfMemoryError, match=r"backend 'numpy' has no \d+\.\d MiB left"
    ) as caught:
        device.empty(shape, "float32")
    assert isinstance(caught.value.__cause__, MemoryError)
    assert "--batch-size" in str(caught.value)
    small = device.full((4,), 1.5, "float32")  # and the device is as good as before
    assert small.numpy().tolist() == [1.5] * 4


def test_the_device_says_what_it_is() -> None:
    caps = NumpyBackend().caps
    assert caps.dtypes == ("float32", "float64", "int32")
    assert caps.alignment == ALIGNMENT
    assert f"numpy {np.__version__}" in caps.device_text
    assert "thread" in caps.device_text


def test_every_kernel_computes_an_op_of_the_table() -> None:
    assert set(NumpyBackend().kernels) <= set(OPS)


def test_the_readme_lists_the_ops_that_are_overridden() -> None:
    """Its table of fused ops has a row for each, and no other."""
    overridden = {op for op in NumpyBackend().kernels if not OPS[op].required}
    listed = re.findall(r"^\| `(\w+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(overridden)

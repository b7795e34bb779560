"""`random_uniform` against `rinzler.philox`, to the bit; the key is read at every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rinzler.ops import Device
from rinzler.ops.random import random_uniform
from rinzler.philox import Key, uniform
from rinzler_numba.launcher import Program
from rinzler_numba.random import KERNELS

KEYS = [
    Key(0, 0),
    Key(5, 3, 7, 2),
    Key(2**64 - 1, 2**16 - 1, 2**32 - 1, 2**16 - 1),  # every bit of every word set
    Key(2**63 + 2**31, 2**15, 2**31, 2**15),  # the bits that a signed number takes for its sign
]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 2047, 2048, 2049, 2051, 8193, 100_003])
@pytest.mark.parametrize("key", KEYS)
def test_bits_are_those_of_the_reference(device: Device, key: Key, n: int) -> None:
    assert device.backend.kernels["random_uniform"] is KERNELS["random_uniform"]
    words = device.array(key.words())
    for site in (0, 1, 2**31, 2**32 - 1):
        drawn = random_uniform(words, (n,), "float32", site).numpy()
        np.testing.assert_array_equal(drawn, uniform(replace(key, site=site), (n,)))


def test_any_shape(device: Device) -> None:
    words = device.array(Key(1, 2, 3).words())
    drawn = random_uniform(words, (3, 5, 7), "float32", 9).numpy()
    np.testing.assert_array_equal(drawn, uniform(Key(1, 2, 3, site=9), (3, 5, 7)))
    assert random_uniform(words, (), "float32", 9).numpy() == drawn[0, 0, 0]


def test_nothing_beyond_the_end_is_written(device: Device) -> None:
    kernel = device.backend.kernels["random_uniform"]
    words = device.array(Key(1, 2).words())
    for n in (1, 3, 6, 2051):
        room = device.full((n + 5,), -1.0, "float32")
        part = device.backend.view(room.handle.buffer, room.handle.offset, (n,), "float32")
        kernel(part, words.handle, shape=(n,), dtype="float32", site=0)
        assert (room.numpy()[:n] >= 0).all()
        assert room.numpy()[n:].tolist() == [-1.0] * 5


def test_a_recorded_launch_follows_its_key(device: Device) -> None:
    """The key changes from step to step; the launch with its arguments stays."""
    words, out = device.array(Key(7, 1, 0).words()), device.empty((999,), "float32")
    plan = device.backend.kernels["random_uniform"].plan
    program = Program(plan(out.handle, words.handle, shape=(999,), dtype="float32", site=4))
    for step in range(3):
        words.upload(Key(7, 1, step).words())
        program.run()
        np.testing.assert_array_equal(out.numpy(), uniform(Key(7, 1, step, site=4), (999,)))


def test_bits_do_not_depend_on_threads(
    device: Device, on_threads: Callable[..., list[list[bytes]]]
) -> None:
    words = device.array(Key(3, 3, 3).words())
    first, *others = on_threads(lambda: [random_uniform(words, (300_003,), "float32", 1)])
    assert all(other == first for other in others)

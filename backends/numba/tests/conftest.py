"""What the tests of this backend share: a device, seeded numbers, and processes of their own.

What a variable of the environment does, or a fork, or a second process on the same cache, shows in
a fresh Python only: `python(code, NAME=value)` runs one and returns what it printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rinzler.ops import Device
from rinzler_numba.backend import NumbaBackend

TELLING = ("NUMBA_", "OPENBLAS_", "OMP_", "RINZLER_")  # variables that change what is tested
WORK = '''
import hashlib
import numpy as np
from rinzler.ops import Device, call
from rinzler_numba.backend import NumbaBackend
from rinzler_numba.threads import pool

device = Device(NumbaBackend())
rng = np.random.default_rng(0)
x = device.array(rng.standard_normal((600, 257), np.float32))
w = device.array(rng.standard_normal((257, 130), np.float32))

def work():
    """The bits of ops that are cut into many blocks."""
    y = call("gelu", x)
    z = call("matmul", y, w, ta=False, tb=False, accumulate=False)
    outs = [y, z, call("sum_cols", y), call("sumsq", y)]
    return hashlib.sha256(b"".join(each.numpy().tobytes() for each in outs)).hexdigest()
'''
Python = Callable[..., str]


@pytest.fixture(scope="session")
def device() -> Device:
    return Device(NumbaBackend())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


@pytest.fixture
def on_threads(device: Device) -> Callable[..., list[list[bytes]]]:
    """The bytes of the arrays that something returns: on one thread, then three times on two."""

    def runs(something: Callable[[], Any]) -> list[list[bytes]]:
        found = []
        try:
            for count in (1, 2, 2, 2):
                device.backend.set_threads(count)
                found.append([array.numpy().tobytes() for array in something()])
        finally:
            device.backend.set_threads(2)
        return found

    return runs


def run_python(code: str, **variables: str) -> str:
    """What a fresh Python prints on both streams; fails unless it ends well and in time."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(TELLING)}
    if "NUMBA_CACHE_DIR" in os.environ:
        environment["NUMBA_CACHE_DIR"] = os.environ["NUMBA_CACHE_DIR"]
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def python() -> Python:
    return run_python


@pytest.fixture(scope="session")
def work() -> str:
    """Source that makes `device`, and `work()`, which returns the bits of some results."""
    return WORK

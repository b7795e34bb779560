"""What the tests of this backend share: a device of their own, and seeded numbers."""

from __future__ import annotations

import numpy as np
import pytest

from rinzler.ops import Device
from rinzler_numpy.backend import NumpyBackend


@pytest.fixture
def device() -> Device:
    return Device(NumpyBackend())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)

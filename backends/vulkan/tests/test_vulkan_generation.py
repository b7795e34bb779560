"""Text with kept keys and values against the whole window, read again for every token."""

from __future__ import annotations

import numpy as np
import pytest

from rinzler.config import GPTConfig
from rinzler.conformance.generation import TEXTS, both_ways
from rinzler.ops import Device

LIMIT = 2e-6  # of the largest logit; found: 3e-7


@pytest.mark.parametrize(("config", "lengths", "more"), TEXTS)
def test_kept_is_whole(
    device: Device, config: GPTConfig, lengths: tuple[int, ...], more: int
) -> None:
    kept, whole = both_ways(device, config, lengths, min(more, 30))
    assert np.abs(kept - whole).max() <= LIMIT * np.abs(whole).max()

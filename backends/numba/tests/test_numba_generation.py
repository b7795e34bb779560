"""Text with kept keys and values against the whole window, read again for every token.

Read next: `test_numba_decode.py`, the op below it.
"""

from __future__ import annotations

import numpy as np
import pytest

from rinzler.config import GPTConfig
from rinzler.conformance.generation import TEXTS, both_ways
from rinzler.ops import Device

LIMIT = 2e-6  # of the largest logit; found: 3e-7


@pytest.mark.parametrize(("config", "lengths", "more"), TEXTS)
@pytest.mark.parametrize("capture", [True, False])
def test_kept_is_whole(
    device: Device, config: GPTConfig, lengths: tuple[int, ...], more: int, capture: bool
) -> None:
    kept, whole = both_ways(device, config, lengths, more, capture)
    assert np.abs(kept - whole).max() <= LIMIT * np.abs(whole).max()

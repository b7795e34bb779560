"""What the environment says about the Vulkan backend, read once when a backend is opened.

| variable | meaning |
| --- | --- |
| RINZLER_VULKAN_DEVICE | a number of the list, a kind (`software`), or part of a name |
| RINZLER_VULKAN_VALIDATE | 1: validation layer and synchronization checks, to the log |
| RINZLER_VULKAN_BARRIERS | `all`: one before every call, to test the minimal list against |
| RINZLER_VULKAN_WITHOUT | features to do without, with commas (`caps.FEATURES`) |
| RINZLER_VULKAN_TIMEOUT | seconds until a wait is given up (60; five times that for the first) |
| RINZLER_VULKAN_CACHE | folder of compiled pipelines; empty: keep none |

Read next: `choosing.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rinzler.errors import BackendError

PREFIX = "RINZLER_VULKAN_"
TIMEOUT = 60.0  # seconds


@dataclass(frozen=True)
class Settings:
    """How to open a device."""

    device: str = ""
    validate: bool = False
    barriers: str = "minimal"
    without: frozenset[str] = frozenset()
    timeout: float = TIMEOUT
    cache: str | None = None  # None: the user's cache folder; "": nowhere

    @staticmethod
    def read(environment: Mapping[str, str] | None = None) -> Settings:
        """Raises BackendError for a value that means nothing."""
        values = os.environ if environment is None else environment
        barriers = values.get(f"{PREFIX}BARRIERS", "") or "minimal"
        if barriers not in ("minimal", "all"):
            raise BackendError(f"{PREFIX}BARRIERS is {barriers!r}, expected minimal or all")
        without = values.get(f"{PREFIX}WITHOUT", "").split(",")
        return Settings(
            values.get(f"{PREFIX}DEVICE", ""),
            values.get(f"{PREFIX}VALIDATE", "") not in ("", "0"),
            barriers,
            frozenset(name.strip() for name in without if name.strip()),
            _seconds(values.get(f"{PREFIX}TIMEOUT", "")),
            values.get(f"{PREFIX}CACHE"),
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text or TIMEOUT)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise BackendError(f"{PREFIX}TIMEOUT is {text!r}, expected a number of seconds above 0")
    return seconds

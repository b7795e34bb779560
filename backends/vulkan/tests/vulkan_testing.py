"""How test devices are opened, and functions that fail on a chosen call: no error path by luck.

Every file of tests that makes Vulkan fail imports from here. Read next: `conftest.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rinzler_vulkan import constants as C
from rinzler_vulkan.settings import Settings

LOST = C.ERROR_DEVICE_LOST
FULL = C.ERROR_OUT_OF_DEVICE_MEMORY
Opened = Callable[..., Any]  # the fixture `opened`


def settings(**changes: Any) -> Settings:
    """Settings of a test device, with the validation layer; pipelines are not kept."""
    device = os.environ.get("RINZLER_VULKAN_DEVICE", "software")
    return Settings(**{"device": device, "validate": True, "cache": "", **changes})


@contextmanager
def failing(table: Any, name: str, result: int, at: int = 1, times: int = 1) -> Iterator[list[int]]:
    """Within it, calls number `at` and on, `times` of them, answer `result` and do nothing else."""
    real: Callable[..., int] = getattr(table, name)
    calls = [0]

    def stand_in(*arguments: Any) -> int:
        calls[0] += 1
        return result if at <= calls[0] < at + times else real(*arguments)

    setattr(table, name, stand_in)
    try:
        yield calls
    finally:
        setattr(table, name, real)

"""Leaks, one of each kind: called after each step with its number.

Whatever they keep lives as long as the process. Read next: `looks.py`, which has to find them.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable

PLANTS: dict[str, Callable[[int], object]] = {}
ONCE = 380  # the step after which something stays open: one of the last
kept: list[object] = []


def leaking(name: str) -> Callable[[Callable[[int], object]], None]:
    def add(plant: Callable[[int], object]) -> None:
        PLANTS[name] = plant

    return add


@leaking("memory")
def _memory(step: int) -> None:
    pages = mmap.mmap(-1, 100_000)  # no part of a heap, which may have room
    pages.write(bytes(100_000))
    kept.append(pages)


@leaking("objects")
def _objects(step: int) -> None:
    kept.append([object(), object()])


@leaking("threads")
def _thread(step: int) -> None:
    if step == ONCE:
        threading.Thread(target=threading.Event().wait, daemon=True).start()


@leaking("descriptors")
def _descriptor(step: int) -> None:
    if step == ONCE:
        kept.append(os.open(os.devnull, os.O_RDONLY))

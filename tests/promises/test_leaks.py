"""Two thousand steps hold no more at their end than at their beginning.

A run with its saves, validations and samples, captured, on numpy and numba, in the long form on
Vulkan too, where a driver grows by whole megabytes and then rests. Counted every so often:
open descriptors, threads, the memory of the process, and the blocks that Python has allocated. The
slope of memory is that between two medians, early and late, so that one stray page means nothing.
Leaves out: what a run takes at its start (`core/tests/test_footprint.py`).
Read next: `core/src/rinzler/ops/memory.py`.
"""

from __future__ import annotations

import gc
import mmap
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, split
from rinzler.errors import BackendError
from rinzler.events import Stepped
from rinzler.gpt import GPT
from rinzler.plugins import open_device
from rinzler.train import train
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=16, d_model=16, layers=1, heads=2, dropout=0.1)
BYTES = ByteTokenizer()
EVERY = 20  # steps between two looks
WARM = 400  # steps in which caches fill, and everything has happened once
MOST = 1024  # bytes a step
OBJECTS = 0.5  # a step, of whatever kind
STEPS = 2_000


class Looks:
    """What a process holds at some moments, in memory of its own from the beginning."""

    def __init__(self, most: int) -> None:
        self.numbers = np.zeros((most, 4), np.int64)  # step, resident bytes, blocks, threads
        self.count = 0
        self.first: set[str] = set()  # descriptors
        self.last: set[str] = set()

    def add(self, step: int) -> None:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
        size = pages * os.sysconf("SC_PAGE_SIZE")
        blocks = sys.getallocatedblocks()
        self.numbers[self.count] = step, size, blocks, threading.active_count()
        self.last = descriptors()
        self.first = self.first or self.last
        self.count += 1

    def slope(self, column: int) -> float:
        """Growth per step, between the medians of the first third and of the last."""
        third = self.count // 3
        early, late = self.numbers[:third], self.numbers[self.count - third : self.count]
        rise, steps = (np.median(late[:, each]) - np.median(early[:, each]) for each in (column, 0))
        return float(rise / steps)

    def leaks(self) -> list[str]:
        """What has grown."""
        found = []
        resident, blocks = self.slope(1), self.slope(2)
        begun, ended = self.numbers[0, 3], self.numbers[self.count - 1, 3]
        if resident > MOST:
            found.append(f"memory: {resident:.0f} bytes a step")
        if blocks > OBJECTS:
            found.append(f"objects: {blocks:.2f} a step")
        if ended > begun:
            found.append(f"threads: from {begun} to {ended}")
        if not self.last <= self.first:
            found.append(f"descriptors: {sorted(self.last - self.first)}")
        return found


def descriptors() -> set[str]:
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(f"{path.name} {path.readlink()}")
    return found


def looks_at(
    backend: str, steps: int, folder: Path, spoil: Callable[[int], object] = bool
) -> Looks:
    """A run of so many steps; `spoil` is called after each."""
    folder.mkdir()
    settings = TrainConfig(
        steps=steps, batch_size=2, eval_every=100, save_every=150, gen_every=200, eval_windows=4
    )
    text = split([("verse", "the quick brown fox jumps over the lazy dog.\n" * 60)], 0.2, BYTES)
    run = Trainer(GPT(SHAPE, device=open_device(backend)), BYTES, text, settings)
    looks = Looks(steps // EVERY)
    for event in train(run, folder):
        if isinstance(event, Stepped):
            spoil(event.step)
            if event.step % EVERY == 0 and event.step >= min(WARM, steps // 2):
                looks.add(event.step)
    return looks


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


@pytest.mark.promise(
    "two thousand steps: descriptors and threads flat, memory below 1 KB a step", at_least=4_000
)
@needs_proc
def test_a_run_holds_no_more_at_its_end(
    count: Callable[..., None], long: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends = ["numpy", "numba"]
    if long:
        device = os.environ.get("RINZLER_VULKAN_DEVICE", "software")
        monkeypatch.setenv("RINZLER_VULKAN_DEVICE", device)
        with suppress(BackendError):  # where there is no driver, there is nothing to look at
            open_device("vulkan")
            backends.append("vulkan")
    for backend in backends:
        assert not looks_at(backend, STEPS, tmp_path / backend).leaks(), backend
        count(STEPS)


LEAKS: dict[str, Callable[[int], object]] = {}
kept: list[object] = []


def leaking(name: str) -> Callable[[Callable[[int], object]], None]:
    def add(spoil: Callable[[int], object]) -> None:
        LEAKS[name] = spoil

    return add


@leaking("memory")
def _memory(step: int) -> None:
    pages = mmap.mmap(-1, 100_000)  # no part of a heap, which may have room from earlier tests
    pages.write(bytes(100_000))
    kept.append(pages)


@leaking("objects")
def _objects(step: int) -> None:
    kept.append([object(), object()])


@leaking("threads")
def _thread(step: int) -> None:
    if step == 380:
        stop = threading.Event()
        threading.Thread(target=stop.wait, daemon=True).start()
        kept.append(stop.set)


@leaking("descriptors")
def _descriptor(step: int) -> None:
    if step == 380:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        kept.append(lambda: os.close(descriptor))


@pytest.mark.promise("each kind of leak is found where it is planted", at_least=len(LEAKS))
@needs_proc
def test_a_planted_leak_is_found(count: Callable[..., None], tmp_path: Path) -> None:
    for name, spoil in LEAKS.items():
        try:
            found = looks_at("numpy", 400, tmp_path / name, spoil).leaks()
            assert any(each.startswith(name) for each in found), name
            count()
        finally:
            for each in kept:
                if callable(each):
                    each()
            kept.clear()

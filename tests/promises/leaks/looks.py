"""A run that is looked at while it goes on, in a process that does nothing else.

    python looks.py numpy 2000 [--plant memory]     ->  ["memory: 100042 bytes a step"], or []

Looked at every so often: open descriptors, threads, the memory of the process, and the blocks that
Python has allocated. The slope of memory is that between two medians, early and late, so that one
stray page means nothing. A process of its own, because what others have left lying about is walked
over at each look, and makes room in which a leak does not show.
Started by `test_leaks.py`. Read next: `leaking.py`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from leaking import PLANTS

from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, split
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


class Looks:
    """What a process holds at some moments, in memory of its own from the beginning."""

    def __init__(self, most: int) -> None:
        self.numbers = np.zeros((most, 4), np.int64)  # step, resident bytes, blocks, threads
        self.count = 0
        self.first: set[str] = set()  # descriptors
        self.last: set[str] = set()

    def add(self, step: int) -> None:
        gc.collect()
        if not self.count:
            gc.freeze()  # what is there by now need not be walked over at each look
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


def looks_at(backend: str, steps: int, folder: Path, spoil: Callable[[int], object]) -> Looks:
    """A run of so many steps; `spoil` is called after each."""
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


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("backend")
    parser.add_argument("steps", type=int)
    parser.add_argument("--plant", choices=PLANTS)
    asked = parser.parse_args()
    spoil = PLANTS[asked.plant] if asked.plant else bool
    with TemporaryDirectory() as folder:
        looks = looks_at(asked.backend, asked.steps, Path(folder), spoil)
    sys.stdout.write(json.dumps(looks.leaks()) + "\n")


if __name__ == "__main__":
    main()

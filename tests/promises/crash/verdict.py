"""Whether a folder is as it was promised: what was acknowledged is there and whole.

`Ledger` goes with a run of saves, hears what each of them acknowledged, and whenever it is told to
look it judges every state in which the disk might be left, with `newest` and `load` themselves.
Read next: `savers.py`, saves that it must find guilty.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from disk_model import Image, ModelDisk

from rinzler.checkpoint import Checkpoint, load, newest, path_for_step, step_of
from rinzler.errors import CheckpointError
from rinzler.files import FileSystem

FOLDER = Path("run")


def state(step: int, turn: int, count: int) -> Checkpoint:
    """A checkpoint with `count` numbers in it; `turn` tells two saves of the same step apart."""
    values = np.arange(count, dtype=np.float32) + 1000 * turn
    return Checkpoint({"x": values}, {"step": step, "turn": turn})


class Found(FileSystem):
    """A folder in memory, to be read."""

    def __init__(self, image: Image) -> None:
        self.image = image

    def read(self, path: Path) -> bytes:
        try:
            return self.image[path.name]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory") from None

    def names(self, directory: Path) -> list[str]:
        return list(self.image)


class Ledger:
    """What was acknowledged, all states that were seen, and what was lost in them."""

    def __init__(self) -> None:
        self.disk: ModelDisk
        self.saved: dict[int, int] = {}  # step -> the last turn that was acknowledged
        self.seen: set[int] = set()
        self.losses: list[str] = []

    def start(self, disk: type[ModelDisk], watch: Callable[[], None] | None = None) -> ModelDisk:
        """An empty disk; only what was seen stays."""
        self.disk = disk(watch or self.look)
        self.saved = {}
        return self.disk

    def acknowledged(self, step: int, turn: int) -> None:
        self.saved[step] = turn

    def look(self) -> None:
        """Judge every state that the disk may be in, if the power fails now."""
        promised, latest = self._promised(), max(self.saved, default=0)
        for image in self.disk.images():
            key = hash((frozenset(image.items()), frozenset(promised.items()), latest))
            if key in self.seen:
                continue
            self.seen.add(key)
            loss = judge(image, promised, latest)
            if loss:
                self.losses.append(loss)

    def _promised(self) -> dict[int, int]:
        """The acknowledged saves that nobody has deleted since."""
        names = self.disk.names_now
        return {s: t for s, t in self.saved.items() if path_for_step(FOLDER, s).name in names}


def judge(image: Image, promised: dict[int, int], latest: int) -> str:
    """What is wrong with a folder; "" if nothing is.

    `promised` are steps and turns that must be there, `latest` the highest that ever was.
    """
    files = Found(image)
    try:
        found, skipped = newest(FOLDER, files)
    except CheckpointError as error:
        if latest:
            return f"nothing can be loaded, and step {latest} was saved: {error}"
        broken = any(step_of(FOLDER / name) is not None for name in image)
        return f"a checkpoint is broken: {error}" if broken else ""
    if skipped:
        return f"a checkpoint is broken: {skipped[0]}"
    step = step_of(found) or 0
    if step < latest:
        return f"the newest is step {step}, and step {latest} was saved"
    for step, turn in promised.items():
        name = path_for_step(FOLDER, step).name
        if _saved_in(name, image.get(name, b"")) < (step, turn):
            return f"step {step} was saved in turn {turn}, and it is not there"
    return ""


@lru_cache(maxsize=64)
def _saved_in(name: str, data: bytes) -> tuple[int, int]:
    """(step, turn) of a file; (0, 0) if it cannot be loaded. The same bytes are met often."""
    try:
        meta = load(FOLDER / name, Found({name: data})).meta
    except CheckpointError:
        return 0, 0
    return meta["step"], meta["turn"]

"""A script: victims that die while they save, and what is found in the folder after each.

    python victims.py calls FOLDER over 0     at each system call of a save, and of what follows it
    python victims.py in-place FOLDER over 0  a save that overwrites, and so must be found guilty
    python victims.py bytes FOLDER fresh 99   at each byte of the file, and at 99 of a larger one

"over" a file of that name, or "fresh" where there is none. Prints JSON.
Read next: `../test_kill.py`, which says what must be found.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from kernel import Deed, calls_of, killed_at, killed_at_byte

from rinzler.checkpoint import Checkpoint, newest, path_for_step, retain, save, store, sweep
from rinzler.checkpoint.format import decode, encode
from rinzler.cli.rundir import METRICS, RunFile
from rinzler.errors import CheckpointError

SMALL = {"x": np.arange(1000, dtype=np.float32), "y": np.arange(90.0)}
BIG = {"x": np.arange(500_000, dtype=np.float32)}
BLOCK = 4096


class Folder:
    """A run that has saved steps 1 and 2, and saves step 3, where there may be one already."""

    def __init__(self, path: Path, tensors: dict[str, np.ndarray], over: bool) -> None:
        self.path = path
        self.tensors = tensors
        self.over = over
        path.mkdir()
        self.target = path_for_step(path, 3)
        self.size = save(self.target, Checkpoint(tensors, {"step": 3, "turn": 1}))
        self.older = self.target.read_bytes()

    def reset(self) -> None:
        for step in (1, 2):
            if not path_for_step(self.path, step).exists():
                save(path_for_step(self.path, step), Checkpoint(SMALL, {"step": step, "turn": 1}))
        self.target.unlink(missing_ok=True)
        if self.over:
            self.target.write_bytes(self.older)
        (self.path / METRICS).write_text('{"step": 2}\n', encoding="utf-8")

    def encode_once(self) -> None:
        """The bytes are made here and not in each of ten thousand victims."""
        parts = encode(Checkpoint(self.tensors, {"step": 3, "turn": 2}))
        store.encode = lambda checkpoint: parts

    def save(self) -> None:
        save(self.target, Checkpoint(self.tensors, {"step": 3, "turn": 2}))

    def save_in_place(self) -> None:
        with self.target.open("wb") as file:
            file.writelines(encode(Checkpoint(self.tensors, {"step": 3, "turn": 2})))

    def save_and_all(self) -> None:
        """As a run does it: the old ones go after the new one is safe, then it is written down."""
        self.save()
        retain(self.path, 1, None)
        RunFile(self.path / METRICS).append('{"step": 3}\n')

    def found(self) -> dict[str, Any]:
        """What the next process finds."""
        chosen, skipped = newest(self.path)
        steps = [step for step in (1, 2, 3) if path_for_step(self.path, step).exists()]
        turns = {step: turn(path_for_step(self.path, step)) for step in steps}
        lines = (self.path / METRICS).read_text(encoding="utf-8")
        swept = len(sweep(self.path))
        rest = sorted(path.name for path in self.path.iterdir())
        kept = [path_for_step(self.path, step).name for step in steps]
        return {
            "over": self.over,
            "newest": chosen.name,
            "skipped": skipped,
            "turns": turns,
            "lines": lines,
            "swept": swept,
            "strange": [name for name in rest if name not in (METRICS, *kept)],
        }


def turn(path: Path) -> int:
    """Which save it is of; -1 if it is damaged."""
    return turn_of(path.read_bytes())


@lru_cache(maxsize=8)  # the large ones have 2 MB
def turn_of(data: bytes) -> int:
    """The same bytes are the same save: most of those that lie there are never touched."""
    try:
        return int(decode(data, "the file").meta["turn"])
    except CheckpointError:
        return -1


def at_calls(folder: Folder) -> list[dict[str, Any]]:
    folder.reset()
    rows = []
    for call in calls_of(folder.save_and_all):
        folder.reset()
        ended = killed_at(folder.save_and_all, call)
        rows.append({"call": call.name, "text": call.text, "ended": ended} | folder.found())
    return rows


def at_bytes(folder: Folder, deed: Deed, limits: Iterable[int]) -> list[dict[str, Any]]:
    folder.reset()
    rows = []
    for limit in limits:
        ended = killed_at_byte(deed, limit)
        whole = limit >= folder.size
        rows.append({"at": limit, "ended": ended, "whole": whole} | folder.found())
        if whole:
            folder.reset()
    return rows


def in_many_blocks(folder: Folder, more: int) -> list[int]:
    """At the end of each block, and anywhere."""
    anywhere = random.Random(1).sample(range(folder.size), more)
    return [*range(0, folder.size, BLOCK), *anywhere]


def main(what: str, where: str, which: str, more: str) -> list[dict[str, Any]]:
    path, over = Path(where), which == "over"
    if what == "calls":
        return at_calls(Folder(path / "calls", SMALL, over))
    small = Folder(path / "small", SMALL, over)
    if what == "in-place":
        return at_bytes(small, small.save_in_place, range(0, small.size, 100))
    big = Folder(path / "big", BIG, over)
    limits = {
        small: range(small.size + 1),
        big: in_many_blocks(big, int(more)) if int(more) else [],
    }
    for folder in limits:
        folder.reset()
    rows = []
    for folder, some in limits.items():
        folder.encode_once()
        rows += at_bytes(folder, folder.save, some)
    return rows


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))

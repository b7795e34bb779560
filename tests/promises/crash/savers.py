"""How a run saves, and five ways to do it that look right and lose a checkpoint.

Each takes (path, checkpoint, files) as `checkpoint.save` does. A harness that does not find the
loss in every bad one could not find it in the good one either.
Read next: `../test_power.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from disk_model import ModelDisk
from verdict import Ledger, state

from rinzler.checkpoint import Checkpoint, path_for_step, retain, save
from rinzler.checkpoint.format import encode

Saver = Callable[[Path, Checkpoint, ModelDisk], object]
KEEP = 2
STEPS = (1, 2, 2, 3, 4)  # one of them twice: a run that saves where there is a file already


def a_run(
    folder: Path,
    ledger: Ledger,
    disk: type[ModelDisk] = ModelDisk,
    saver: Saver = save,
    count: int = 1100,
) -> None:
    """Save a few steps, with all that comes after a save; `ledger` looks at every moment of it."""
    files = ledger.start(disk)
    for turn, step in enumerate(STEPS):
        saver(path_for_step(folder, step), state(step, turn, count), files)
        ledger.acknowledged(step, turn)
        retain(folder, KEEP, None, files)
    ledger.look()


class NoSync(ModelDisk):
    """Nothing is asked to reach the disk before the name does."""

    def fsync(self, descriptor: int) -> None:
        self.watch()


class NoFolderSync(ModelDisk):
    """The new file is on the disk, its name may not be."""

    def sync_directory(self, directory: Path) -> None:
        self.watch()


def in_place(path: Path, checkpoint: Checkpoint, files: ModelDisk) -> None:
    descriptor = files.open_again(path) if path.exists() else files.create(path)
    _write(descriptor, encode(checkpoint), files)
    files.fsync(descriptor)
    files.close(descriptor)
    files.sync_directory(path.parent)


def rename_first(path: Path, checkpoint: Checkpoint, files: ModelDisk) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}-0.tmp")
    descriptor = files.create(temporary)
    _write(descriptor, encode(checkpoint), files)
    files.replace(temporary, path)
    files.fsync(descriptor)
    files.close(descriptor)
    files.sync_directory(path.parent)


def delete_first(path: Path, checkpoint: Checkpoint, files: ModelDisk) -> None:
    """The old ones go when the new one has its name, and not when that name is safe."""
    sync = files.sync_directory
    try:
        files.sync_directory = lambda directory: None  # type: ignore[method-assign]
        save(path, checkpoint, files)
        retain(path.parent, 1, None, files)
    finally:
        files.sync_directory = sync  # type: ignore[method-assign]
    files.sync_directory(path.parent)


def _write(descriptor: int, parts: Iterable[bytes | memoryview], files: ModelDisk) -> None:
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[files.write(descriptor, rest) :]


BAD: dict[str, tuple[type[ModelDisk], Saver]] = {
    "no fsync": (NoSync, save),
    "no fsync of the folder": (NoFolderSync, save),
    "in place": (ModelDisk, in_place),
    "renamed before it is synced": (ModelDisk, rename_first),
    "deletes before the folder is synced": (ModelDisk, delete_first),
}

"""A run as a person names it, its folder or one of its checkpoints, into a checkpoint.

A folder stands for its newest checkpoint that is whole; each newer one that is not is named, with
what is wrong with it. Read next: `generate.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rinzler import checkpoint
from rinzler.checkpoint import Checkpoint
from rinzler.cli import rundir
from rinzler.cli.invocation import quoted
from rinzler.cli.streams import say
from rinzler.errors import CheckpointError


@dataclass(frozen=True, eq=False)
class Found:
    """A checkpoint and where it lies."""

    path: Path
    saved: Checkpoint

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def step(self) -> int:
        return int(self.saved.meta["step"])


def folder_of(run: str) -> Path:
    """The folder of a run, or the one that a checkpoint lies in. Raises CheckpointError."""
    path = Path(run)
    try:
        if path.is_dir():
            return path
        if path.exists():
            return path.parent
    except OSError as cause:
        raise CheckpointError(
            f"{path} cannot be read: {cause.strerror or cause}. Check the disk, and who may read it"
        ) from cause
    newest = rundir.newest_run()
    hint = f" The newest here: {newest}" if newest else " Train one first: rinzler-train"
    raise CheckpointError(f"there is no run or checkpoint {path}.{hint}")


def check_own(run: str) -> None:
    """Raises CheckpointError for a file in a form that a run is never saved in."""
    if Path(run).suffix in (".json", ".bin"):
        raise CheckpointError(
            f"a run goes on from its own checkpoints, step-NNNNNN.safetensors, and not from {run}. "
            f"A new run can take its weights: {quoted('--init', run)}"
        )


def find_checkpoint(run: str, strict: bool = False) -> Found:
    """The checkpoint that a run, or a file, stands for. Raises CheckpointError.

    With `strict` the newest of a folder must be whole: no older one takes its place.
    """
    path = Path(run)
    if folder_of(run) == path:
        path, saved, skipped = checkpoint.load_newest(path)
        if strict and skipped:
            first = skipped[0].removeprefix("skipped ")
            raise CheckpointError(
                f"{first}. Before it {path.name} is whole: leave out --strict to go on from there"
            )
        for line in skipped:
            say(line)
    else:
        saved = checkpoint.load(path)
    if not isinstance(saved.meta.get("step"), int):
        raise CheckpointError(f"{path} is a checkpoint without a step: no run of Rinzler wrote it")
    return Found(path, saved)

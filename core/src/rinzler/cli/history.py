"""What the folder of a run says about it: how far it came, how good it was, what is left of it.

Everything is read from the files; nothing is believed that can be checked: a run is under way if
its lock is held, and a checkpoint is valid if every digest is right.
Leaves out: how that is shown. Read next: `runs.py`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rinzler import checkpoint
from rinzler.cli import lock, rundir
from rinzler.cli.rewind import Record, kept_records
from rinzler.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class Validation:
    """A loss on validation text."""

    step: int
    loss: float  # nats per token
    bits_per_byte: float


@dataclass(frozen=True)
class PastRun:
    """One run, under way or not."""

    folder: Path
    state: str  # "running", "finished", "stopped"; "damaged" without a readable config.json
    text: str  # what it trains on
    steps: int  # done
    planned: int  # 0 where nobody knows
    last: Validation | None
    best: Validation | None  # of those on the same windows of text: the final one is not
    checkpoints: int
    nbytes: int  # of all files
    note: str  # who runs it, or what is wrong with it


@dataclass(frozen=True)
class Kept:
    """One checkpoint of a run."""

    step: int
    path: Path
    nbytes: int
    valid: bool
    reason: str  # why not
    newest: bool  # the one that --resume takes
    best: bool
    validation: Validation | None  # at its step


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, or at least was."""
    try:
        return (folder / rundir.CONFIG).is_file() or bool(checkpoint.in_folder(folder))
    except OSError:
        return False  # nobody may look into it


def runs_in(folder: Path) -> list[PastRun]:
    """The runs in a folder, by name. Raises CheckpointError if it cannot be read."""
    try:
        found = sorted(path for path in folder.iterdir() if path.is_dir())
        return [look_at(path) for path in found if is_run(path)]
    except OSError as cause:
        raise CheckpointError(
            f"{folder} cannot be searched for runs: {cause.strerror or cause}. "
            "Train one first: rinzler-train, or name the folder they are in: rinzler runs FOLDER"
        ) from cause


def look_at(folder: Path) -> PastRun:
    """One run. Raises OSError if its folder cannot be listed."""
    records = _records(folder)
    kept = checkpoint.in_folder(folder)
    steps = [each.get("step", 0) for each in records if each.get("event") == "step"]
    done = max([*steps, *kept], default=0)
    text, planned, note = "", 0, ""
    try:
        config = rundir.read_settings(folder)
        text, planned = config["corpus"]["name"], config["training"]["steps"]
        state = "finished" if done >= planned and planned in kept else "stopped"
    except ConfigError as error:
        state, note = "damaged", str(error)
    holder = lock.holder(folder)
    if holder is not None:
        state, note = "running", holder
    validations = _validations(records)
    comparable = _validations(records, final=False)
    return PastRun(
        folder,
        state,
        text,
        done,
        planned,
        max(validations, key=lambda each: each.step, default=None),
        min(comparable, key=lambda each: (each.loss, each.step), default=None),
        len(kept),
        sum(_size(path) for path in folder.iterdir()),
        note,
    )


def checkpoints_of(run: PastRun) -> list[Kept]:
    """Its checkpoints, the oldest first, each read and verified."""
    at = {each.step: each for each in _validations(_records(run.folder))}
    found = []
    newest = True
    for step, path in reversed(checkpoint.in_folder(run.folder).items()):
        reason = ""
        try:
            checkpoint.load(path)
        except CheckpointError as error:
            reason = str(error).removeprefix(f"{path} ")
        best = run.best is not None and run.best.step == step
        found.append(
            Kept(
                step,
                path,
                _size(path),
                not reason,
                reason,
                newest and not reason,
                best,
                at.get(step),
            )
        )
        newest = newest and bool(reason)
    return found[::-1]


def _records(folder: Path) -> list[Record]:
    try:
        return kept_records((folder / rundir.METRICS).read_bytes(), sys.maxsize)
    except OSError:
        return []


def _validations(records: list[Record], final: bool = True) -> list[Validation]:
    """Those that can be read; without the one over all of the text if `final` is false."""
    found = []
    for each in records:
        if each.get("event") != "validation" or (each.get("final") and not final):
            continue
        loss, bits = each.get("val_loss"), each.get("val_bpb")
        if isinstance(loss, float) and isinstance(bits, float):
            found.append(Validation(each.get("step", 0), loss, bits))
    return found


def _size(path: Path) -> int:
    """Bytes of a file; none of one that a run under way has just deleted, or of a folder."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0

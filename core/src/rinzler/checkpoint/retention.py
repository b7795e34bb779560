"""Which checkpoints of a run stay on disk: the last few, and the best one.

A night of training writes dozens of them and needs two: the newest, to go on from, and the best,
to use. So after a save was acknowledged the older ones go (`--keep-last`). The order matters more
than the rule: nothing is deleted on the strength of a file that a power cut could still take away.
Only regular files with the name of a checkpoint are ours to delete. The folder is not synced
afterwards: a deletion that is undone costs room, and the next save makes up for it.
Leaves out: which one is the best (`train.py` measures that). Read next: `rinzler/generate/`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rinzler.checkpoint.store import in_folder, reason_of
from rinzler.files import FILES, FileSystem


def retain(
    folder: Path,
    last: int,
    best: int | None,
    files: FileSystem = FILES,
    *,
    saved: int | None = None,
    tell: Callable[[str], object] = lambda note: None,
) -> list[Path]:
    """Delete all checkpoints but the `last` newest and that of step `best`; returns the deleted.

    `last` 0 keeps all. `saved` is the step just written: later ones belong to another course, and
    are neither counted nor touched. What cannot be deleted stays, and `tell` hears why.
    """
    if last < 1:
        return []
    try:
        found = in_folder(folder, files)
    except OSError as error:
        tell(f"{folder} cannot be searched for old checkpoints: {reason_of(error)}")
        return []
    steps = [step for step in found if saved is None or step <= saved]
    deleted = []
    for step in steps[:-last]:
        path = found[step]
        if step == best:
            continue
        try:
            if path.is_symlink() or not path.is_file():
                continue
            files.unlink(path)
        except FileNotFoundError:
            continue  # somebody else tidied up
        except OSError as error:
            tell(f"{path} is no longer needed and could not be deleted: {reason_of(error)}")
        else:
            deleted.append(path)
    return deleted

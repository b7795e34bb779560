"""Checkpoints: a training run in one file that any tool opens and a power cut does not spoil.

    save(path_for_step(run, 500), Checkpoint(tensors, meta))
    checkpoint = load(path_for_step(run, 500))
    path, checkpoint, skipped = load_newest(run)

`content.py` says what a checkpoint holds, `format.py` is the bytes of the file and their proof,
`store.py` the calls above, `retention.py` which ones stay; `text.py` and `raw.py` are two other
forms, for people and for other programs. How a file is replaced so that a crash leaves the old one
or the new one stands in `rinzler/files.py`.
Leaves out: what goes into a checkpoint (`train.py` decides that) and the lock that keeps two runs
out of one folder. No pickle anywhere: to load a file never runs what is in it.
Read next: `format.py`.
"""

from rinzler.checkpoint.content import DTYPES, Checkpoint
from rinzler.checkpoint.format import FORMAT
from rinzler.checkpoint.retention import retain
from rinzler.checkpoint.store import (
    files_of,
    in_folder,
    load,
    load_newest,
    newest,
    path_for_step,
    save,
    step_of,
    sweep,
)
from rinzler.files import FileSystem

__all__ = [
    "DTYPES",
    "FORMAT",
    "Checkpoint",
    "FileSystem",
    "files_of",
    "in_folder",
    "load",
    "load_newest",
    "newest",
    "path_for_step",
    "retain",
    "save",
    "step_of",
    "sweep",
]

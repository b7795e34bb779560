"""`rinzler convert`: a checkpoint in another form, for people or for other programs.

The new file never takes the place of another: a conversion that destroys what it was made from, or
some other night's work, is one that nobody asked for.
Leaves out: the forms themselves (`rinzler/checkpoint/`). Read next: `evaluate.py`.
"""

from __future__ import annotations

from pathlib import Path

from rinzler import checkpoint
from rinzler.checkpoint import Checkpoint
from rinzler.cli.found import find_checkpoint
from rinzler.cli.streams import say
from rinzler.cli.words import plural, size
from rinzler.errors import EXIT_OK, ConfigError
from rinzler.restore import split_tensors

FORMS = (".safetensors", ".json", ".bin")


def convert_checkpoint(run: str | None, file: str | None, weights: bool) -> int:
    """Write a run's newest checkpoint, or one file, into another. Raises RinzlerError."""
    if run is None or file is None:
        raise ConfigError("name a run and a file: rinzler convert runs/NAME-001 model.json")
    path = Path(file)
    if path.suffix not in FORMS:
        raise ConfigError(
            f"{path} ends in {path.suffix or 'nothing'!r}, expected {', '.join(FORMS)}: "
            "the end of its name says which form it gets"
        )
    taken = [each for each in checkpoint.files_of(path) if each.exists() or each.is_symlink()]
    if taken:
        raise ConfigError(f"{taken[0]} is there already. Name another file, or remove that one")
    found = find_checkpoint(run)
    saved = found.saved
    if weights:
        saved = Checkpoint(split_tensors(saved)[0], saved.meta)
    nbytes = checkpoint.save(path, saved)
    say(f"{found.path} · step {found.step:,} · {plural(len(saved.tensors), 'tensor')}")
    say(f"written to {' and '.join(map(str, checkpoint.files_of(path)))} ({size(nbytes)})")
    return EXIT_OK

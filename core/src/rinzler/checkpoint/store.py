"""Checkpoints in the folder of a run: save one, load one, find the newest that is whole.

The step in the file's name gives the order; no clock is asked, since clocks jump and copies get
new times. `load_newest` believes nothing that it has not verified: it walks back from the highest
step and keeps a line about everything it had to skip.
Leaves out: which old checkpoints may be deleted.
Read next: `retention.py`, which decides that.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from rinzler.checkpoint import format, raw, text
from rinzler.checkpoint.content import Checkpoint
from rinzler.errors import CheckpointError
from rinzler.files import FILES, FileSystem, ReplaceError, replace_file, temporaries

TEXT, RAW = ".json", ".bin"  # every other name is a safetensors file's
GATHER = 1 << 20  # bytes
MEND = "Name a file step-NNNNNN.safetensors of a run's folder"
ADVICE = {
    "ENOSPC": "Free some space there, then save again",
    "EDQUOT": "Free some of your quota there, then save again",
    "EFBIG": "Raise the limit on file sizes (ulimit -f unlimited), then save again",
    "EROFS": "Save into a folder that can be written",
    "EACCES": "Save into a folder that you may write to",
    "EPERM": "Save into a folder that you may write to",
    "ENOENT": "Create the folder first",
    "EMFILE": "Close some files or raise the limit (ulimit -n), then save again",
    "EIO": "Check the disk, or save to another one",
}


def path_for_step(directory: Path, step: int) -> Path:
    """directory/step-000500.safetensors"""
    return Path(directory) / f"step-{step:06d}.safetensors"


def step_of(path: Path) -> int | None:
    """The step in a checkpoint's name; None if it is not such a name."""
    path = Path(path)
    match = re.fullmatch(r"step-([0-9]{6,18})\.safetensors", path.name)
    step = int(match[1]) if match else None
    # "step-0000500" would be a second name for step 500: there must be one only.
    return step if step is not None and path_for_step(path.parent, step) == path else None


def in_folder(directory: Path, files: FileSystem = FILES) -> dict[int, Path]:
    """What is named as a checkpoint there, by step, the oldest first. Raises OSError."""
    paths = (Path(directory) / name for name in files.names(Path(directory)))
    steps = ((step_of(path), path) for path in paths)
    return dict(sorted((step, path) for step, path in steps if step is not None))


def save(path: Path, checkpoint: Checkpoint, files: FileSystem = FILES) -> int:
    """Write a checkpoint; when this returns, a power cut cannot take it back. Returns its bytes.

    The form is what the name says: .json, .bin (with a description in .bin.json), or safetensors.
    Raises CheckpointError if the content cannot be stored or the system refuses a call. Unless the
    message says otherwise, what was under the name before is still there, untouched.
    """
    path = Path(path)
    sidecar = None
    chunks: Sequence[bytes | memoryview]
    try:
        if path.name.endswith(RAW + TEXT):
            raise ValueError(f"that name describes {path.stem}, which is the one to save")
        if path.suffix == TEXT:
            chunks = text.encode(checkpoint)
        elif path.suffix == RAW:
            sidecar, chunks = raw.encode(checkpoint)
        else:
            chunks = format.encode(checkpoint)
    except (ValueError, TypeError) as cause:
        raise CheckpointError(f"{path} was not saved: {cause}. Nothing was written") from cause
    written = _write(path, chunks, files)
    return written if sidecar is None else written + _write(beside(path), [sidecar], files)


def files_of(path: Path) -> list[Path]:
    """The files that a checkpoint of this name is in."""
    return [path, beside(path)] if path.suffix == RAW else [path]


def beside(path: Path) -> Path:
    """model.bin.json, which describes model.bin."""
    return path.with_name(path.name + TEXT)


def _write(path: Path, chunks: Sequence[bytes | memoryview], files: FileSystem) -> int:
    try:
        return replace_file(path, chain(chunks[:1], _gathered(chunks[1:])), files)
    except ReplaceError as failure:
        size = sum(len(chunk) for chunk in chunks)
        raise CheckpointError(_not_saved(path, size, failure)) from failure.cause


def _gathered(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes in fewer pieces: a call for each of a thousand small tensors is a waste."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= GATHER:
            yield b"".join(waiting) if waiting[1:] else chunk
            waiting, size = [], 0
    yield b"".join(waiting)


def load(path: Path, files: FileSystem = FILES) -> Checkpoint:
    """Read a checkpoint and verify all of it before anything is returned.

    Raises CheckpointError if the file is missing, cut short, damaged, or of something else.
    """
    path = Path(path)
    if path.name.endswith(RAW + TEXT):
        path = path.with_suffix("")
    if path.suffix == RAW:
        mend = f"{path} is of use only together with what describes it, {beside(path).name}"
        return raw.decode(_read(beside(path), files, mend), _read(path, files, mend), str(path))
    decode = text.decode if path.suffix == TEXT else format.decode
    return decode(_read(path, files), str(path))


def _read(path: Path, files: FileSystem, mend: str = MEND) -> bytes:
    try:
        return files.read(path)
    except OSError as cause:
        raise CheckpointError(f"{path} cannot be read: {reason_of(cause)}. {mend}") from cause


def newest(directory: Path, files: FileSystem = FILES) -> tuple[Path, list[str]]:
    """Where `load_newest` finds its checkpoint, and what it had to skip."""
    path, _, skipped = load_newest(directory, files)
    return path, skipped


def load_newest(directory: Path, files: FileSystem = FILES) -> tuple[Path, Checkpoint, list[str]]:
    """The checkpoint of the highest step that verifies, and a line for each that did not.

    Each file is read once. Raises CheckpointError if there is none.
    """
    directory = Path(directory)
    try:
        found = in_folder(directory, files)
    except OSError as cause:
        raise CheckpointError(
            f"{directory} cannot be searched for checkpoints: {reason_of(cause)}. "
            "Name the folder of a run"
        ) from cause
    skipped: list[str] = []
    for path in reversed(found.values()):
        try:
            return path, load(path, files), skipped
        except CheckpointError as error:
            skipped.append(f"skipped {error}")
    lines = "".join(f"\n  {line}" for line in skipped)
    raise CheckpointError(
        f"{directory} has no checkpoint that can be used: {len(found)} files are named "
        f"step-NNNNNN.safetensors. Name the folder of another run, or train anew{lines}"
    )


def sweep(directory: Path, files: FileSystem = FILES) -> list[Path]:
    """Remove what killed saves have left; returns the paths. Only for the one run that owns
    the folder: the temporary of a save under way looks the same.
    """
    removed = []
    for path in temporaries(Path(directory), files):
        with suppress(OSError):
            files.unlink(path)
            removed.append(path)
    return removed


def reason_of(error: OSError) -> str:
    """As in: ENOSPC, No space left on device."""
    return f"{_errno_name(error)}, {error.strerror or error}"


def _errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _not_saved(path: Path, size: int, failure: ReplaceError) -> str:
    state = "was not saved"
    kept = "Checkpoints saved before are untouched"
    if failure.replaced:
        state = "may not be safe"
        kept = "It is in place and whole, but a power cut could still undo it"
    if failure.left_over is not None:
        kept += f", and {failure.left_over.name} could not be removed"
    reason = f"{reason_of(failure.cause)}, while {failure.step} ({size:,} bytes)"
    advice = ADVICE.get(_errno_name(failure.cause), "Save into another folder")
    return f"{path} {state}: {reason}. {kept}. {advice}"

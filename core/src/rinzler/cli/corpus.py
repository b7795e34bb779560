"""What to train on: names as they were typed into documents and a name for the run.

A name is a file, a folder or a pattern, as in any other command; only one that is none of these may
be a corpus that a package brought along. So a file called "python" is never shadowed.
Leaves out: reading files (`data/texts.py`) and finding plugins. Read next: `plan.py`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from rinzler.data import read_texts
from rinzler.errors import DataError
from rinzler.plugins import list_corpora, load_corpus

DEFAULT = "python"  # what the distribution rinzler-corpus brings

Documents = list[tuple[str, str]]


def gather(names: Sequence[str]) -> tuple[str, Documents]:
    """A short name for the text, and its documents. Raises DataError."""
    if not names:
        return DEFAULT, _default()
    installed = [name for name in names if _is_corpus(name)]
    paths = [name for name in names if name not in installed]
    documents = _read(paths) if paths else []
    for name in installed:
        documents += load_corpus(name)
    if list(names) == installed[:1]:
        return names[0], documents
    return _title(names, documents), documents


def gather_again(names: Sequence[str], directory: Path, run: Path) -> Documents:
    """The documents of a run, whose names were typed in `directory`. Raises DataError."""
    try:
        return gather([_seen_from(directory, name) for name in names])[1]
    except DataError as error:
        raise DataError(f"the text of {run} cannot be read again: {error}") from error


def _seen_from(directory: Path, name: str) -> str:
    """A name that was typed there; as it is, if there is nothing of that name any more."""
    there = directory / Path(name).expanduser()
    if _there(there):
        return str(there)
    pattern = str(Path(glob.escape(str(directory))) / Path(name).expanduser())
    return pattern if glob.glob(pattern, recursive=True) else name  # noqa: PTH207


def _there(name: str | Path) -> bool:
    """Not Path.exists, which raises for a name too long; who reads it says what is wrong."""
    return os.path.exists(name)  # noqa: PTH110


def _default() -> Documents:
    try:
        return load_corpus(DEFAULT)
    except DataError as error:
        raise DataError(
            f"no text was named, and the one for that case cannot be had: {error}. "
            "Name a text: rinzler-train notes.txt, or: pip install rinzler-corpus"
        ) from error


def _is_corpus(name: str) -> bool:
    if _there(name) or any(sign in name for sign in "*?[/\\"):
        return False
    return name.rpartition(":")[2] in [info.name for info in list_corpora()]


def _read(paths: Sequence[str]) -> Documents:
    try:
        return read_texts(paths)
    except DataError as error:
        missing = [path for path in paths if not _there(path) and Path(path).name == path]
        if not any(f'"{path}"' in str(error) for path in missing):
            raise
        there = ", ".join(info.name for info in list_corpora()) or "none"
        raise DataError(f"{error} (installed corpora: {there})") from error


def _title(names: Sequence[str], documents: Documents) -> str:
    """What the run's folder is called after: the file, or the folder that holds the files."""
    if len(documents) == 1:
        return Path(documents[0][0]).stem
    if len(names) == 1 and Path(names[0]).is_dir():
        return Path(names[0]).resolve().name
    files = [Path(name).resolve() for name, _ in documents if Path(name).is_file()]
    try:
        return Path(os.path.commonpath(files)).name or "texts"
    except ValueError:  # no file at all, or on Windows files on two drives
        return "texts"

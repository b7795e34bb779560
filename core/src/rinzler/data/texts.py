"""Files into texts: whatever a person points at, as (name, text) pairs.

A name may be a file, a folder or a pattern. Order is fixed (as named; inside a folder or pattern
by path), for the order of the documents is part of what a run depends on. Text is UTF-8: a guess
at another encoding would go wrong in silence and be learnt.
Leaves out: texts that plugins bring (`plugins/corpora.py`), PDF and HTML.
Read next: `splitting.py`.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from rinzler.errors import DataError

# What a folder is searched for. Anything else is a pattern away: "src/**/*.rs".
TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst", ".org", ".tex", ".py")


def read_texts(patterns: Sequence[str | Path]) -> list[tuple[str, str]]:
    """(name, text) of every file that is named, matched, or lies in a folder that is named.

    A folder stands for the files with one of TEXT_SUFFIXES in it and below; a pattern
    ("notes/**/*.md") for the files that match. Both pass over hidden names. A byte order mark is
    dropped, line ends become "\\n", a file that is named twice is read once, and empty files are
    left out. Raises DataError if nothing is found or left, or a file cannot be read as UTF-8.
    """
    named = [patterns] if isinstance(patterns, str | Path) else list(patterns)
    if not named:
        raise DataError("no text was named: name files, folders or patterns like notes/*.md")
    paths: dict[Path, Path] = {}  # where a file really is -> how it was named first
    for pattern in named:
        for path in _find(pattern):
            paths.setdefault(path.resolve(), path)
    texts = [(path.as_posix(), _read(path)) for path in paths.values()]
    filled = [(name, text) for name, text in texts if text.strip()]
    if not filled:
        names = ", ".join(name for name, _ in texts[:3]) + (", …" if len(texts) > 3 else "")
        raise DataError(f"nothing to learn from: {names} is empty. Name a file with some text")
    return filled


def _find(pattern: str | Path) -> list[Path]:
    """The files that one argument stands for; never none."""
    path = Path(pattern).expanduser()
    try:
        there = path.exists()
    except OSError as cause:  # a name too long, a folder that may not be entered
        reason = cause.strerror or str(cause)
        raise DataError(
            f'"{pattern}" cannot be looked up: {reason}. Check the spelling, and who may read it'
        ) from cause
    if path.is_file():  # before anything else: "[1].txt" may be a name
        return [path]
    if path.is_dir():
        inside = _match(str(Path(glob.escape(str(path))) / "**" / "*"))
        found = [file for file in inside if file.suffix.lower() in TEXT_SUFFIXES]
        if not found:
            raise DataError(
                f"the folder {path} holds no text ({' '.join(TEXT_SUFFIXES)}). "
                f"Name other files by a pattern: {path.as_posix()}/**/*.html"
            )
        return found
    if there:
        raise DataError(
            f"{path} is a pipe or a device, expected a file: a run that goes on reads its texts "
            "again. Write it to a file first"
        )
    found = _match(str(path))
    if not found:
        raise DataError(
            f'no file, folder or pattern matches "{pattern}" (looked in {Path.cwd()}). '
            "Check the spelling, or name the file with its whole path"
        )
    return found


def _match(pattern: str) -> list[Path]:
    # Not Path.glob: that one walks into .git and other hidden places.
    found = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    return sorted((path for path in found if path.is_file()), key=lambda path: path.parts)


def _read(path: Path) -> str:
    name = path.as_posix()
    try:
        data = path.read_bytes()
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise DataError(f"{name} cannot be read: {reason}. Check who may read it") from cause
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is UTF-16, expected UTF-8. {_convert('utf-16', name)}")
    if (offset := data.find(b"\0")) >= 0:
        raise DataError(
            f"{name} looks binary, with a zero byte at offset {offset}. Name text files only"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise DataError(
            f"{name} is not UTF-8: byte 0x{data[cause.start]:02x} at offset {cause.start}. "
            f"{_convert('latin1', name)}, if it is Western European, or save it as UTF-8"
        ) from cause
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _convert(encoding: str, name: str) -> str:
    return f'Convert it with: iconv -f {encoding} -t utf-8 "{name}" > "{name}.utf8"'

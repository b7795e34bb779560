"""How a file is replaced so that a crash leaves the old one or the new one, and nothing between.

Write a temporary in the same folder, fsync it, rename it over the old name, fsync the folder. Each
step is there because the next may reach the disk first: without the first fsync the new name can
hold an empty file after a power cut, without the second the rename itself can be lost (Pillai et
al. 2014, "All File Systems Are Not Created Equal").
`FileSystem` is the seam through which a save talks to the operating system, so that tests can make
each call fail, or end the process in it.
Leaves out: macOS's F_FULLFSYNC; there a drive may keep the last save in its own cache for a while.
Read next: `checkpoint/store.py`, which saves runs with it.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_serial = itertools.count()


class FileSystem:
    """What saving a file needs of the operating system, one call each."""

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def names(self, directory: Path) -> list[str]:
        """Of all that lies in a folder."""
        return [path.name for path in directory.iterdir()]

    def create(self, path: Path) -> int:
        """A descriptor of a new file; FileExistsError where there is one already."""
        binary = getattr(os, "O_BINARY", 0)  # or Windows turns every byte 10 into 13 10
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o666)

    def write(self, descriptor: int, data: memoryview) -> int:
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def free(self, path: Path) -> int | None:
        """Bytes that may still be written there, or where it will be made; None if unknown."""
        above = (path, *path.absolute().parents)
        try:
            return shutil.disk_usage(next((each for each in above if each.exists()), path)).free
        except OSError:
            return None

    def sync_directory(self, directory: Path) -> None:
        """Make renames in `directory` last. Windows cannot open folders; NTFS logs its renames."""
        if os.name == "nt":
            return
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network and shared folders have no such call; there is nothing else to call.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)


FILES = FileSystem()


class ReplaceError(Exception):
    """A file was not replaced: in which step, and what became of the names."""

    def __init__(self, step: str, cause: OSError, replaced: bool, left_over: Path | None) -> None:
        super().__init__(step)
        self.step = step
        self.cause = cause
        self.replaced = replaced  # the new file is in place, but may not survive a power cut
        self.left_over = left_over  # a temporary that could not be removed either


def replace_file(path: Path, chunks: Iterable[bytes | memoryview], files: FileSystem) -> int:
    """Put `chunks` under the name `path`, all or nothing; returns the bytes written.

    Raises ReplaceError, chained to the OSError. Whatever is raised, the temporary is removed.
    """
    replaced = False
    step = "creating a temporary file"
    temporary: Path | None = None
    try:
        descriptor, temporary = _create_beside(path, files)
        try:
            step = "writing"
            written = sum(_write_all(descriptor, memoryview(chunk), files) for chunk in chunks)
            # A failed fsync is final: the kernel may have dropped the pages, and a second call
            # would report success.
            step = "syncing the file"
            files.fsync(descriptor)
        except BaseException:
            with suppress(OSError):
                files.close(descriptor)
            raise
        step = "closing the file"
        files.close(descriptor)
        step = "renaming"
        files.replace(temporary, path)
        replaced = True
        step = "syncing the folder"
        files.sync_directory(path.parent)
    except BaseException as error:
        left_over = None if replaced else _remove(temporary, files)
        if isinstance(error, OSError):
            raise ReplaceError(step, error, replaced, left_over) from error
        raise
    return written


def temporaries(directory: Path, files: FileSystem = FILES) -> list[Path]:
    """What saves that were killed have left in a folder."""
    pattern = re.compile(r"\..+\.[0-9]+-[0-9]+\.tmp")  # what _create_beside makes
    return [directory / name for name in sorted(files.names(directory)) if pattern.fullmatch(name)]


def _create_beside(path: Path, files: FileSystem) -> tuple[int, Path]:
    while True:
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_serial)}.tmp")
        # A killed process with this id may have left the name behind: then take the next.
        with suppress(FileExistsError):
            return files.create(temporary), temporary


def _write_all(descriptor: int, data: memoryview, files: FileSystem) -> int:
    size = len(data)
    while data:
        count = files.write(descriptor, data)  # may be less than all: full disk, signal, 2 GiB
        if count <= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        data = data[count:]
    return size


def _remove(temporary: Path | None, files: FileSystem) -> Path | None:
    """Remove a temporary; returns it if that failed too."""
    if temporary is None:
        return None
    try:
        files.unlink(temporary)
    except OSError:
        return temporary
    return None

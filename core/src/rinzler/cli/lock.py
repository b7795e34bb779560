"""One process for one run folder: two that go on with the same run would write into each other.

The lock is the system's own, on the file `lock` in the folder. It ends with the process however
that ends, so there is never a stale one to remove; the file itself stays, and says who had it last.
Leaves out: network folders that know no locks; there a line says so and the run goes on.
Read next: `resume.py`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rinzler.cli.streams import say
from rinzler.errors import ConfigError

LOCK = "lock"
BEYOND = 1 << 20  # Windows locks bytes against reading: lock one behind what is written
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """The folder belongs to this process inside `with`. Raises ConfigError if it is another's."""
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as cause:
        raise ConfigError(
            f"{path} cannot be opened: {cause.strerror}. A run needs a folder that it may write to"
        ) from cause
    try:
        try:
            _take(descriptor)
        except OSError as cause:
            if cause.errno in TAKEN:
                raise ConfigError(_taken(folder)) from cause
            say(f"note: {path} cannot be locked ({cause.strerror}); start no second run there")
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)  # and with it the lock is gone


def _take(descriptor: int) -> None:
    """Take the lock or raise OSError at once."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sign(descriptor: int) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()}, started {now}\n".encode())


def _taken(folder: Path) -> str:
    who = (folder / LOCK).read_text(encoding="utf-8", errors="replace").strip() or "another process"
    return (
        f"the run folder {folder} is in use ({who}). Wait for that run or stop it, "
        "or start another one: it gets a folder of its own"
    )

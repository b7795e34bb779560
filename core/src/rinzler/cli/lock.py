"""One process for one run folder: two that go on with the same run would write into each other.

The lock is the system's own, on the file `lock` in the folder. It ends with the process however
that ends, so there is never a stale one to remove; the file itself stays, and says who has it. A
process that was just killed may still have it for a moment, so a second one tries for a while.
(The library `filelock` empties the file whenever somebody tries, so it could not say who has it.)
Leaves out: network folders that know no locks; there a line says so and the run goes on.
Read next: `resume.py`.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from rinzler.cli.streams import say
from rinzler.errors import ConfigError

LOCK = "lock"
BEYOND = 1 << 20  # Windows locks bytes against reading: lock one behind what is written
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
PATIENCE = 0.5  # seconds in which a killed process is gone, and a new holder has signed
PAUSE = 0.02  # seconds between two tries
NAMELESS = 50  # tries after which a holder that has not signed cannot: its disk is full


@contextmanager
def owned(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """The folder belongs to this process inside `with`. Raises ConfigError if it is another's."""
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as cause:
        raise ConfigError(
            f"{path} cannot be opened: {cause.strerror}. A run needs a folder that it may write to"
        ) from cause
    try:
        _take_within(descriptor, folder, patience)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        _sign(descriptor, f"process {os.getpid()} on {platform.node()}, started {now}\n")
        try:
            yield
        finally:
            _sign(descriptor, "")
    finally:
        with suppress(OSError):
            os.close(descriptor)  # and with it, also where that fails, the lock is gone


def holder(folder: Path) -> str | None:
    """Who has the folder now, as far as it is said; None if nobody has, or nobody can tell."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        _take(descriptor)
    except OSError as cause:
        return (_holder(folder) or "another process") if cause.errno in TAKEN else None
    else:
        return None
    finally:
        os.close(descriptor)


def _take_within(descriptor: int, folder: Path, patience: float) -> None:
    """Take the lock. Raises ConfigError if somebody else has it all the time."""
    until = time.monotonic() + patience
    nameless = 0
    while True:
        try:
            _take(descriptor)
        except OSError as cause:
            if cause.errno not in TAKEN:
                path = folder / LOCK
                say(f"note: {path} cannot be locked ({cause.strerror}); start no second run there")
                return
            who, late = _holder(folder), time.monotonic() >= until
            # Without a name somebody has just come, and will sign, or has just left.
            nameless += late and not who
            if late and (who or nameless > NAMELESS):
                raise ConfigError(
                    f"the run folder {folder} is in use ({who or 'by another process'}). Wait for "
                    "that run or stop it, or start another one: it gets a folder of its own"
                ) from cause
            time.sleep(PAUSE)
        else:
            return


def _take(descriptor: int) -> None:
    """Take the lock or raise OSError at once."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sign(descriptor: int, text: str) -> None:
    """Say who has the lock. It holds without that too: on a full disk nobody is named."""
    with suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode())


def _holder(folder: Path) -> str:
    """What the process that has the lock says of itself."""
    with suppress(OSError):
        return (folder / LOCK).read_text(encoding="utf-8", errors="replace").strip()
    return ""

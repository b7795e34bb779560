"""The threads that run kernels: where they come from, how many, and what they do not survive.

numba starts threads through one of three layers. tbb and omp launch work in 1 to 2 µs; workqueue,
which is always there, takes about 100. tbb comes with this package, but its wheel puts the library
where numba does not look, so it is loaded here before numba asks for it. `NUMBA_THREADING_LAYER`
and `NUMBA_NUM_THREADS` are honoured, and so is `OMP_NUM_THREADS`.

Two Python threads take turns, since neither workqueue nor the tables allow less. A fork waits for
the launch under way; afterwards workqueue starts anew in the child. The threads of tbb and OpenMP
do not come back: numba ends a process that calls OpenMP then, and a thread of tbb that goes to
sleep during the fork leaves a lock of the library taken for ever. So their child computes on one
thread, to the same bits.
Read next: `vector.py`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from threading import RLock
from typing import Any

import numba

from rinzler.errors import BackendError

LAYER = "NUMBA_THREADING_LAYER"
LIMIT = "NUMBA_NUM_THREADS"
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")  # a user who sets these means us too
WITH_TBB = ("", "default", "tbb", "safe", "threadsafe", "forksafe")  # values that allow tbb
LEFT_BEHIND = ("tbb", "omp")  # layers whose threads are of no use in a fork
TBB_NAMES = ("libtbb.so.12", "libtbb.12.dylib", "tbb12.dll")


def tbb_library() -> Path | None:
    """tbb's library in this environment: beside Python's own, or where its wheel says."""
    prefix = Path(sys.prefix)
    folders = (prefix / "lib", prefix / "Library" / "bin")
    for candidate in (folder / name for folder in folders for name in TBB_NAMES):
        if candidate.exists():
            return candidate
    with suppress(PackageNotFoundError):
        for entry in files("tbb") or ():
            if entry.name in TBB_NAMES:
                return Path(str(entry.locate())).resolve()
    return None


def load_tbb() -> bool:
    """Make tbb's names known to this process, where it is installed and wanted.

    numba looks for it when it first launches, so this is early enough even if somebody has
    imported numba before.
    """
    if os.environ.get(LAYER, "").lower() not in WITH_TBB:
        return False
    path = tbb_library()
    if path is None:
        return False
    try:
        ctypes.CDLL(str(path), mode=getattr(ctypes, "RTLD_GLOBAL", 0))
    except OSError:  # built for another system: numba goes on to the next layer
        return False
    return True


def hold_across_forks(lock: Any) -> None:
    """Let a fork wait until the lock is free, so that the child does not find it taken for ever."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )


def asked_for() -> int | None:
    """How many threads the environment asks for, in a word that is not numba's own."""
    values = (os.environ.get(name, "") for name in VARIABLES)
    asked = [int(value) for value in values if value.isdigit() and int(value)]
    return asked[0] if asked and not os.environ.get(LIMIT) else None


class Pool:
    """How many threads kernels use, and whose turn it is."""

    def __init__(self) -> None:
        self.most = int(numba.config.NUMBA_NUM_THREADS)  # numba's own limit, fixed at its import
        self.count = min(self.most, asked_for() or self.most)
        self.layer = ""  # tbb, omp or workqueue, once it is started
        self.alone = False  # this process is a fork, and its threads stayed behind
        # Reentrant: a signal's handler may compute while the thread it interrupts has the turn.
        self.lock = RLock()
        hold_across_forks(self.lock)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def start(self) -> None:
        """Choose the threading layer. Raises BackendError where numba finds none."""
        load_tbb()
        try:
            numba.get_num_threads()
            self.layer = str(numba.threading_layer())
        except (ValueError, ImportError, RuntimeError) as error:
            wanted = os.environ.get(LAYER)
            mend = f"unset {LAYER} (now {wanted!r})" if wanted else "pip install tbb"
            told = " ".join(str(error).split())
            raise BackendError(f"numba found no threading layer: {told}; {mend}") from error

    def resize(self, count: int) -> None:
        """Use this many threads. Raises BackendError beyond numba's limit, or a fork's."""
        most = 1 if self.alone else self.most
        if 1 <= count <= most:
            self.count = count
            return
        mend = ""
        if self.alone:
            mend = (
                f"; this process was forked from one that had started threads ({self.layer}), and "
                "they do not survive a fork: start processes with 'spawn' for more"
            )
        elif count > most:
            mend = (
                "; numba fixes its limit when it is imported: start Python with "
                f"{LIMIT}={count} for more"
            )
        raise BackendError(f"numba: {count} threads asked for, expected 1 to {most}{mend}")

    def _after_fork(self) -> None:
        if self.layer in LEFT_BEHIND:
            self.alone = True
            self.count = 1


pool = Pool()

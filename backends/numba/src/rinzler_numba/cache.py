"""Where compiled kernels are kept between runs.

numba keeps machine code on disk and knows the CPU that it is for, but looks only at the file of
the function itself: an edit in a file whose helpers that function inlines goes unseen. So the
folder's name is a digest of all that the code depends on: this package's sources and their place,
the versions of numba, LLVM and Python, the CPU. A change in any of them is another folder, and
nothing stale is ever loaded. The few folders used last are kept.

In it each kernel has a folder of its own, which appears complete or not at all: numba writes into a
draft, which gets a seal, the checksums of its files, and is then renamed. Only a folder whose seal
is right is shown to numba. So a file that was cut short or changed, or two processes that compile
at once, cost time and nothing else. Where nothing can be written, every process compiles afresh.

`NUMBA_CACHE_DIR` is honoured: the folders are made there. Read next: `compiling.py`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import platformdirs

log = logging.getLogger("rinzler.numba")
SEAL = "seal"
KEPT = 4  # folders of other versions: somebody may go back to one
Make = Callable[[bool], Any]  # compile; True: with numba's own cache, in `numba.config.CACHE_DIR`
# Variables of numba that change where and how it runs, but not the code that it makes.
NOT_IN_CODE = re.compile(r"NUMBA_(CACHE|NUM_THREADS|THREADING)")

_writable = True  # until a write fails


def base() -> Path:
    """The folder that holds the folders of all versions."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("rinzler") / "numba"


def folder() -> Path:
    """The folder of the kernels as they would be compiled now."""
    return base() / digest()


@cache
def digest() -> str:
    """What compiled code depends on, as sixteen letters."""
    told = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        told.update(path.name.encode() + b"\0" + path.read_bytes())
    facts = [
        str(Path(__file__).parent),  # numba looks for its files by the path of the source
        numba.__version__,
        version("llvmlite"),
        platform.python_implementation() + sys.version,
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
    ]
    facts += [
        f"{name}={value}"
        for name, value in sorted(os.environ.items())
        if name.startswith("NUMBA_") and not NOT_IN_CODE.match(name)
    ]
    told.update("\0".join(facts).encode())
    return told.hexdigest()[:16]


def load(name: str, make: Make) -> Any:
    """What `make` finds in the kernel's folder; None where there is nothing sound."""
    home = folder() / name
    try:
        if not _is_sealed(home):
            return None
        _touch()
        with _caching_in(home):
            made = make(True)
    except Exception as error:  # numba unpickles, and that may raise anything
        log.warning("numba: %s in the cache cannot be used (%s)", home, error)
        made = None
    if made is None or not made.cache_hits:  # numba has its own reasons, and has compiled
        shutil.rmtree(home, ignore_errors=True)
    return made


def store(name: str, make: Make) -> Any:
    """What `make` compiles, kept for later processes where that is possible."""
    if not _writable:
        return make(False)
    try:
        _prepare()
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder()))
    except OSError as error:
        return _without_cache(make, error)
    try:
        with _caching_in(draft):
            made = make(True)
        _publish(draft, folder() / name)
    except (OSError, RuntimeError) as error:  # a full disk; numba's word for "nowhere to write"
        return _without_cache(make, error)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return made


def names() -> set[str]:
    """The kernels that are in the folder."""
    return {path.parent.name for path in folder().glob(f"[!.]*/{SEAL}")}


def size() -> int:
    """Bytes in the folders of all versions."""
    total = 0
    for version_folder in _versions():
        for path in version_folder.rglob("*"):
            with suppress(OSError):  # another process may be tidying up
                total += path.stat().st_size if path.is_file() else 0
    return total


def _without_cache(make: Make, error: Exception) -> Any:
    global _writable  # noqa: PLW0603 - said once, and not tried again
    if _writable:
        _writable = False
        log.warning(
            "numba: compiled kernels cannot be kept in %s (%s), so every process compiles its own; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            folder(),
            error,
        )
    return make(False)


@contextmanager
def _caching_in(place: Path) -> Iterator[None]:
    """Within it, numba keeps its files in this folder."""
    before = numba.config.CACHE_DIR
    try:  # before the change: Ctrl-C may come right after it
        numba.config.CACHE_DIR = str(place)
        yield
    finally:
        numba.config.CACHE_DIR = before


def _seal_of(home: Path) -> str:
    """A line for each file: its checksum and its name."""
    files = sorted(path for path in home.rglob("*") if path.is_file() and path.name != SEAL)
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(home).as_posix()}\n"
        for path in files
    )


def _is_sealed(home: Path) -> bool:
    try:
        return (home / SEAL).read_bytes() == _seal_of(home).encode()
    except OSError:  # not there, or not readable: the same
        return False


def _publish(draft: Path, home: Path) -> None:
    (draft / SEAL).write_bytes(_seal_of(draft).encode())
    try:
        draft.rename(home)
    except OSError:
        if _is_sealed(home):
            return  # another process was first, with the same code
        shutil.rmtree(home, ignore_errors=True)
        draft.rename(home)


def _prepare() -> None:
    """Make this version's folder, and remove those that were used longest ago."""
    if folder().is_dir():
        return
    folder().mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # another process may be tidying up
        others = [path for path in _versions() if path != folder()]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


@cache
def _touch() -> None:
    """Note that this version is in use."""
    with suppress(OSError):
        os.utime(folder())


def _versions() -> list[Path]:
    """The folders of all versions; whatever else lies beside them is somebody else's."""
    try:
        return [path for path in base().iterdir() if re.fullmatch("[0-9a-f]{16}", path.name)]
    except OSError:
        return []

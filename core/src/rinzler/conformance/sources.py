"""The code of a package as it lies on disk: a digest of its files, and what says so in a moment.

A certificate is worth as much as the code that earned it, and an editable install changes code
without changing its version. `Sources` are found through the spec of the top-level module, so that
nothing is imported; every file of the package counts (kernels may be shaders), but for what Python
and tools leave behind. Sizes and times are compared first, and files are read only where those
differ. Leaves out: other packages of the distribution, libraries that the package uses, and
changes that keep size and time alike. Read next: `certified.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

Stats = dict[str, list[int]]  # by path inside of the package: bytes, nanoseconds


@dataclass(frozen=True)
class Sources:
    """The files of a top-level module or package, by a path relative to it."""

    files: dict[str, Path]

    def stats(self) -> Stats:
        """Size and time of each; a file that went away meanwhile is left out."""
        found = {}
        for name, path in self.files.items():
            try:
                status = path.stat()
            except OSError:
                continue
            found[name] = [status.st_size, status.st_mtime_ns]
        return found

    def digest(self) -> str:
        """SHA-256 over names and contents; "" where there is no file, as in a zip archive."""
        if not self.files:
            return ""
        total = hashlib.sha256()
        for name, path in self.files.items():
            try:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                content = f"unreadable: {error.errno}"
            total.update(f"{name}\n{content}\n".encode())
        return total.hexdigest()


def sources_of(value: str) -> Sources:
    """The files behind an entry point: "mine.plugin" or "mine.plugin:name" -> those of `mine`."""
    module = value.partition(":")[0].partition(".")[0].strip()
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return Sources({})
    if spec.submodule_search_locations is None:
        path = Path(spec.origin or "")
        return Sources({path.name: path} if path.is_file() else {})
    files: dict[str, Path] = {}
    for folder in spec.submodule_search_locations:
        files |= _below(folder)
    return Sources(dict(sorted(files.items())))


def _below(folder: str) -> dict[str, Path]:
    """Every file in a folder, by its path from there, with slashes on every system."""
    found = {}
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and name[0] != "."]
        for name in names:
            if name[0] != "." and not name.endswith((".pyc", "~")):
                path = Path(here, name)
                found[path.relative_to(folder).as_posix()] = path
    return found

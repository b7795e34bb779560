"""A disk under a save, and every state in which a power cut may leave it.

`ModelDisk` is the seam of `rinzler/files.py` over a real folder. Beside doing each call it keeps
what has reached the disk for certain, and what is still under way. The model is the weakest that a
journalled file system allows (POSIX, and Pillai et al. 2014, "All File Systems Are Not Created
Equal"); ext4, XFS and Btrfs each allow a part of it:

- Names change one by one, each change whole or not at all (that is what a journal is for), in any
  order, until the folder is synced. Syncing a file makes none of its names last.
- Of what was written into a file since it was synced, any 4 KiB block may be there, missing, or
  torn between two of its sectors of 512 bytes; its size is that after any of the writes, or at the
  end of any block. A hole reads as zeros.

Leaves out: drives that lie about a flush, bytes that rot, and names that a journal tears.
Read next: `verdict.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, product
from pathlib import Path

from rinzler.files import FileSystem

BLOCK = 4096
SECTOR = 512
SHORT = 2500  # bytes that one write takes at most: a save is then made of several

Image = dict[str, bytes]  # a folder as it is found when the power is back


@dataclass
class Inode:
    """A file, whatever its name is."""

    synced: bytes = b""
    writes: list[bytes] = field(default_factory=list)  # appended since

    @property
    def written(self) -> bytes:
        return b"".join([self.synced, *self.writes])

    def images(self) -> set[bytes]:
        """All that may be found in it after a power cut."""
        new, old = self.written, len(self.synced)
        ends = accumulate((len(data) for data in self.writes), initial=old)
        sizes = {*ends, *(size for size in range(0, len(new), BLOCK) if size > old)}
        return {image for size in sizes for image in _with_size(new, old, size)}


def _with_size(new: bytes, old: int, size: int) -> Iterator[bytes]:
    """`size` bytes, of which those before `old` are certain."""
    blocks = [new[start : min(start + BLOCK, size)] for start in range(0, size, BLOCK)]
    certain = (max(0, min(len(block), old - i * BLOCK)) for i, block in enumerate(blocks))
    for torn in product(*map(_torn, blocks, certain)):
        yield b"".join(torn)


def _torn(block: bytes, certain: int) -> list[bytes]:
    """The block new, old, or parted at a sector with either half new."""
    if certain == len(block):
        return [block]
    old = block[:certain].ljust(len(block), b"\0")
    cuts = range(0, len(block) + SECTOR, SECTOR)
    halves = [(block[:cut] + old[cut:], old[:cut] + block[cut:]) for cut in cuts]
    return list(dict.fromkeys(image for pair in halves for image in pair))


class ModelDisk(FileSystem):
    """Real files, and the states that a power cut could make of them at any moment."""

    def __init__(self, watch: Callable[[], None] = lambda: None) -> None:
        self.watch = watch  # called before each call that changes something
        self.names_now: dict[str, Inode] = {}
        self.names_synced: dict[str, Inode] = {}
        self.changes: list[dict[str, Inode | None]] = []  # of names, since the folder was synced
        self.open: dict[int, Inode] = {}

    def images(self) -> Iterator[Image]:
        """Every legal state of the folder, should the power fail now."""
        for chosen in product((False, True), repeat=len(self.changes)):
            names: dict[str, Inode | None] = dict(self.names_synced)
            for change, lasts in zip(self.changes, chosen, strict=True):
                names |= change if lasts else {}
            files = {name: inode for name, inode in names.items() if inode is not None}
            for contents in product(*(inode.images() for inode in files.values())):
                yield dict(zip(files, contents, strict=True))

    def _rename(self, change: Mapping[str, Inode | None]) -> None:
        self.changes.append(dict(change))
        names = self.names_now | dict(change)
        self.names_now = {name: inode for name, inode in names.items() if inode is not None}

    def create(self, path: Path) -> int:
        self.watch()
        descriptor = super().create(path)
        self.open[descriptor] = Inode()
        self._rename({path.name: self.open[descriptor]})
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        self.watch()
        count = super().write(descriptor, data[:SHORT])
        self.open[descriptor].writes.append(bytes(data[:count]))
        return count

    def fsync(self, descriptor: int) -> None:
        self.watch()  # the call itself takes long and is of no use here
        inode = self.open[descriptor]
        inode.synced, inode.writes = inode.written, []

    def close(self, descriptor: int) -> None:
        self.watch()
        super().close(descriptor)
        del self.open[descriptor]

    def replace(self, source: Path, target: Path) -> None:
        self.watch()
        super().replace(source, target)
        self._rename({source.name: None, target.name: self.names_now[source.name]})

    def unlink(self, path: Path) -> None:
        self.watch()
        super().unlink(path)
        self._rename({path.name: None})

    def sync_directory(self, directory: Path) -> None:
        self.watch()
        self.names_synced, self.changes = dict(self.names_now), []

    def open_again(self, path: Path) -> int:
        """A descriptor that overwrites a file in place. No save of Rinzler's does that."""
        self.watch()
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
        inode = self.names_now[path.name]
        inode.synced, inode.writes = b"", []  # truncated, and that may last
        self.open[descriptor] = inode
        return descriptor

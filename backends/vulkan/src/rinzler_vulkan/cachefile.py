"""The file that keeps compiled pipelines between runs.

A driver's blob is trusted by that driver, so it is checked before it is handed over: a digest over
all of it, and the name of the file says device, driver and shaders. Whatever does not fit is
deleted and made again; no failure of the disk stops a run. Read next: `pipeline.py`.
"""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("rinzler")
MAGIC = b"rinzler pipelines 1\n"


class CacheFile:
    """One blob for one device and one set of shaders; `folder` None: keep nothing."""

    def __init__(self, folder: Path | None, identity: str, shaders: str) -> None:
        name = hashlib.sha256(f"{identity}\0{shaders}".encode()).hexdigest()[:32]
        self.path = None if folder is None else folder / f"{name}.bin"

    def read(self) -> bytes:
        """What was kept, or nothing."""
        if self.path is None:
            return b""
        try:
            whole = self.path.read_bytes()
        except OSError:
            return b""
        head = len(MAGIC) + 32
        blob = whole[head:]
        if whole[:head] == MAGIC + hashlib.sha256(blob).digest():
            return blob
        log.info("vulkan: %s is damaged and is made again", self.path)
        with suppress(OSError):
            self.path.unlink()
        return b""

    def write(self, blob: bytes) -> None:
        """Keep a blob, by renaming; says so and goes on where the disk refuses."""
        if self.path is None:
            return
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(MAGIC + hashlib.sha256(blob).digest() + blob)
            fresh.replace(self.path)
        except OSError as error:
            log.info("vulkan: compiled pipelines are not kept: %s", error)
            with suppress(OSError):
                fresh.unlink()


def folder_of(setting: str | None) -> Path | None:
    """Where the files lie: the setting, or the user's cache folder; None where it is empty."""
    if setting == "":
        return None
    if setting is not None:
        return Path(setting)
    from platformdirs import user_cache_path

    return user_cache_path("rinzler", appauthor=False) / "vulkan"

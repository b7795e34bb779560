"""The folder of a run: a name of its own, and what is written into it besides checkpoints.

    runs/notes-001/config.json              every setting and version, before the first step
                   metrics.jsonl            one JSON object per event (`records.py` has the keys)
                   samples.txt              what the model wrote on the way
                   step-000500.safetensors  a checkpoint
                   lock                     held by the process that the folder belongs to

A folder is never shared: a number is taken by creating the folder, so two runs that start at once
get two numbers. Leaves out: the lock (`lock.py`). Read next: `records.py`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from rinzler.cli.invocation import quoted
from rinzler.cli.streams import say
from rinzler.errors import ConfigError
from rinzler.files import FILES, ReplaceError, replace_file

RUNS = Path("runs")
CONFIG = "config.json"
METRICS = "metrics.jsonl"
SAMPLES = "samples.txt"
WAITING = 1 << 20  # characters of lines that wait for a file that cannot be written
NEEDED: Mapping[str, Mapping[str, type]] = {  # of config.json, to go on with a run
    "corpus": {
        "name": str,
        "texts": list,
        "directory": str,
        "sha256": list,
        "val_fraction": float,
    },
    "model": {"vocab_size": int},
    "training": {"steps": int},
    "backend": {"name": str},
}


def next_free(name: str, runs: Path = RUNS) -> Path:
    """runs/NAME-001, or with the next number; the folder exists when this returns.

    Raises ConfigError if it cannot be made.
    """
    stem = re.sub(r"[^\w]+", "-", name).strip("-_").lower()[:40] or "run"
    numbers = re.compile(re.escape(stem) + r"-([0-9]+)")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        found = [numbers.fullmatch(path.name) for path in runs.iterdir()]
        highest = max((int(match[1]) for match in found if match), default=0)
        for number in count(highest + 1):
            folder = runs / f"{stem}-{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:  # another run was faster
                continue
            return folder
    except OSError as cause:
        raise _not_made(runs, cause) from cause
    raise AssertionError("unreachable: count() has no end")


def check_free(folder: Path, *ours: str) -> None:
    """Raises ConfigError if a folder named by --run-dir holds anything already, but for `ours`."""
    try:
        held = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        held = []
    except OSError as cause:
        if isinstance(cause, NotADirectoryError) and folder.exists():  # or one above it is a file
            raise ConfigError(
                f"{folder} is a file, expected a new folder: "
                + quoted("--run-dir", f"{folder}-run")
            ) from cause
        raise _not_made(folder, cause) from cause
    if set(held) - set(ours):
        names = ", ".join(held[:3]) + (", …" if held[3:] else "")
        another = quoted("--run-dir", f"{folder}-2")
        raise ConfigError(
            f"the run folder {folder} is not empty ({names}). Name a new one, {another}, or leave "
            f"--run-dir out and get the next free one in {RUNS}"
        )


def make(folder: Path) -> Path:
    """The folder that --run-dir names, made where it is missing. Raises ConfigError."""
    check_free(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise _not_made(folder, cause) from cause
    return folder


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Put config.json into the folder. Raises ConfigError."""
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    try:
        replace_file(folder / CONFIG, [text.encode("utf-8")], FILES)
    except ReplaceError as failure:
        reason = failure.cause.strerror or str(failure.cause)
        raise ConfigError(
            f"{folder / CONFIG} cannot be written: {reason}. Make sure that there is room, and "
            "that you may write there, or name another place: --run-dir DIR"
        ) from failure.cause


def read_settings(folder: Path) -> dict[str, Any]:
    """config.json of a run, with all that going on needs. Raises ConfigError."""
    path = folder / CONFIG
    mend = (
        f"Without it a run cannot go on; a new one can take its weights: {quoted('--init', folder)}"
    )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise ConfigError(f"{path} cannot be read: {cause.strerror}. {mend}") from cause
    except ValueError as cause:
        raise ConfigError(f"{path} is damaged: {cause}. {mend}") from cause
    for part, entries in NEEDED.items():
        held = record.get(part) if isinstance(record, dict) else None
        for name, kind in entries.items():
            if not isinstance(held, dict) or not isinstance(held.get(name), kind):
                raise ConfigError(f"{path} has no valid {part}.{name}. {mend}")
    return dict(record)


class RunFile:
    """A file that grows with the run, and may fail without ending a night's training.

    What cannot be written waits, WAITING characters of it at most, and is tried again with each new
    line. A line is never left torn: a program that follows the file would stumble over it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.waiting = ""
        self.torn_at: int | None = None  # where whole lines end, if a piece of one may follow

    def append(self, text: str) -> None:
        first = not self.waiting
        if len(self.waiting) < WAITING:
            self.waiting += text
        try:
            self._write(self.waiting.encode("utf-8"))
        except OSError as error:
            if first:
                reason = error.strerror or error
                say(f"note: {self.path} cannot be written ({reason}); the run goes on, lines wait")
            return
        self.waiting = ""
        if not first:
            say(f"note: {self.path} can be written again")

    def sync(self) -> None:
        """Make what was written last through a power cut, as far as the system can."""
        with suppress(OSError), self.path.open("ab") as file:
            os.fsync(file.fileno())

    def _write(self, data: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            if self.torn_at is not None:
                file.truncate(self.torn_at)
            self.torn_at = file.seek(0, os.SEEK_END)
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                with suppress(OSError):
                    file.truncate(self.torn_at)
                raise
        self.torn_at = None


def newest_run(runs: Path = RUNS) -> Path | None:
    """The run in which something was saved last, to suggest; None if there is none."""
    saved = []
    for path in runs.glob("*/step-*.safetensors"):
        with suppress(OSError):  # a run under way has just deleted it
            saved.append((path.stat().st_mtime, path))
    return max(saved)[1].parent if saved else None


def _not_made(folder: Path, cause: OSError) -> ConfigError:
    reason = cause.strerror or str(cause)
    return ConfigError(
        f"no run folder can be made at {folder}: {reason}. Name another place: --run-dir DIR"
    )

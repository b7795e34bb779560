"""A script: saves and whole runs on a disk that really is full, or read-only.

    unshare -rm python small_disk.py saves FOLDER 1     with 0, 1, 2, ... pages free
    unshare -rm python small_disk.py runs FOLDER 48     runs on disks of 16 KiB, 64, 112, ...
    unshare -rm python small_disk.py read-only FOLDER 1

The disk is a tmpfs in a mount namespace of this process, so it goes with it and nobody else sees
it. Prints JSON. Read next: `../test_faults.py`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import runs
from kernel import forked
from verdict import state

from rinzler.checkpoint import load, newest, path_for_step, save
from rinzler.errors import CheckpointError
from rinzler.files import temporaries

PAGE = 4096
COUNT = 30_000  # numbers in a checkpoint: 30 pages
DISK = Path("disk")


def mount(options: str) -> None:
    DISK.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(DISK)], check=True)


def remount(options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(DISK)], check=True)


def saves(step: int) -> list[dict[str, Any]]:
    """A save of step 2 with room for 0, 1, 2, ... pages, until there is room for all of it."""
    mount(f"size={100 * PAGE}")
    save(path_for_step(DISK, 1), state(1, 0, 100))
    filler = DISK / "filler"
    target = path_for_step(DISK, 2)
    rows: list[dict[str, Any]] = []
    while not rows or rows[-1]["said"]:
        fill(filler, len(rows) * step)
        said = ""
        try:
            save(target, state(2, 1, COUNT))
        except CheckpointError as error:
            said = str(error)
        left = [path.name for path in temporaries(DISK)]
        room = shutil.disk_usage(DISK).free // PAGE
        found, skipped = newest(DISK)
        row = {"said": said, "left": left, "room": room, "skipped": skipped, "found": found.name}
        filler.unlink()
        if said:
            save(target, state(2, 1, COUNT))  # once there is room the next one works
        rows.append(row | {"then": load(target).meta["step"]})
        target.unlink()
    return rows


def fill(filler: Path, pages: int) -> None:
    """Leave so many pages free."""
    free = shutil.disk_usage(DISK).free // PAGE
    filler.write_bytes(bytes((free - pages) * PAGE))


def whole_runs(step: int) -> list[dict[str, Any]]:
    """Runs that keep every checkpoint, on larger and larger disks, each resumed with more room."""
    rows: list[dict[str, Any]] = []
    while not rows or rows[-1]["ended"] or rows[-1]["failed"]:
        mount(f"size={16 + step * len(rows)}k")
        row: dict[str, Any] = {"ended": forked(lambda: runs.begin(runs.VICTIM))}
        row["said"] = row["first said"] = runs.SAID.read_text(encoding="utf-8")
        row["failed"] = row["said"].count("not saved  ")
        row["saved"] = any(runs.VICTIM.glob("step-*.safetensors"))
        row["skipped"] = newest(runs.VICTIM)[1] if row["saved"] else []
        row["torn"] = torn_lines(runs.VICTIM / "metrics.jsonl")
        remount("size=4m")
        if row["ended"]:
            row["resumed"] = forked(runs.go_on)
            row["said"] = runs.SAID.read_text(encoding="utf-8")
        row["wrong"] = runs.wrong(row, runs.outcome(runs.WHOLE))
        subprocess.run(["umount", str(DISK)], check=True)
        rows.append(row)
    return rows


def torn_lines(path: Path) -> int:
    """Lines that a program which follows the file would stumble over."""
    if not path.exists():
        return 0
    text = path.read_text(encoding="utf-8")
    return sum(not line.endswith("}") for line in text.splitlines()) + (text[-1:] not in ("", "\n"))


def read_only() -> list[dict[str, Any]]:
    """A new run there, one that is resumed, and a save."""
    mount("size=4m")
    forked(lambda: runs.begin(runs.VICTIM))
    remount("ro")
    rows = []
    deeds = {
        "begin": lambda: runs.begin(DISK / "new"),
        "resume": lambda: runs.train("--resume", str(runs.VICTIM), "--steps", "9"),
    }
    for name, deed in deeds.items():
        ended = forked(deed)
        rows.append({"deed": name, "ended": ended, "said": runs.SAID.read_text(encoding="utf-8")})
    try:
        save(path_for_step(runs.VICTIM, 7), state(7, 0, 10))
    except CheckpointError as error:
        rows.append({"deed": "save", "ended": 3, "said": f"error: {error}"})
    return [row | {"digest": runs.outcome(runs.VICTIM)["digest"]} for row in rows]


def main(what: str, where: str, step: str) -> list[dict[str, Any]]:
    runs.KEEP_LAST = "0"
    runs.prepare(Path(where))
    runs.VICTIM = DISK / "victim"
    if what == "saves":
        return saves(int(step))
    return whole_runs(int(step)) if what == "runs" else read_only()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))

"""A script: what a run of saves asks of the seam, and what the kernel hears of it.

    python seam.py FOLDER

The states of a disk are worked out from the calls at the seam (`disk_model.py`). That proves
nothing unless those are all the calls there are, in that order: so one fork writes down the first
and strace the second. Prints both as JSON.
Read next: `../test_power.py`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
from kernel import Call, calls_of

from rinzler.checkpoint import Checkpoint, path_for_step, retain, save
from rinzler.files import FileSystem

Step = list[str]
HARMLESS = {"newfstatat", "lseek", "ioctl", "fcntl", "getdents64", "read", "fstat", "lstat", "stat"}


class Told(FileSystem):
    """Real files; writes down what changes one."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.names_of: dict[int, str] = {}

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self.names_of[descriptor] = path.name
        self.steps.append(["create", path.name])
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        count = super().write(descriptor, data)
        self.steps.append(["write", self.names_of[descriptor], str(count)])
        return count

    def fsync(self, descriptor: int) -> None:
        super().fsync(descriptor)
        self.steps.append(["fsync", self.names_of[descriptor]])

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self.steps.append(["close", self.names_of.pop(descriptor)])

    def replace(self, source: Path, target: Path) -> None:
        super().replace(source, target)
        self.steps.append(["replace", source.name, target.name])

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self.steps.append(["unlink", path.name])

    def sync_directory(self, directory: Path) -> None:
        super().sync_directory(directory)
        self.steps.append(["sync_directory", directory.name])


def heard(call: Call, folder: str) -> Step | None:
    """A system call as a step of the seam; None if it changes nothing there."""
    names = [Path(path).name for path in re.findall(r'[<"]([^<>"]+)[>"]', call.text)]
    ends = call.text.rpartition("= ")[2]
    by_name: dict[str, Step] = {
        "write": ["write", names[0], ends],
        "fsync": ["sync_directory" if names[0] == folder else "fsync", names[0]],
        "close": ["close", names[0]],
        "unlink": ["unlink", names[-1]],
        "rename": ["replace", *names],
    }
    if call.name == "openat":
        return ["create", names[-1]] if "O_CREAT|O_EXCL" in call.text else _reading(call)
    if call.name in HARMLESS or (call.name == "close" and names[0] == folder):
        return None
    return by_name.get(call.name, ["unknown", call.text])


def _reading(call: Call) -> Step | None:
    return None if "O_RDONLY" in call.text else ["unknown", call.text]


def main(where: str) -> dict[str, list[Step]]:
    folder = Path(where).resolve() / "run"
    folder.mkdir()
    report = folder.parent / "told.json"

    def deed() -> None:
        files = Told()
        for step in (1, 2, 2, 3, 4):
            content = Checkpoint({"x": np.arange(5000.0)}, {"step": step})
            save(path_for_step(folder, step), content, files)
            retain(folder, 2, None, files)
        report.write_text(json.dumps(files.steps), encoding="utf-8")

    save(
        path_for_step(folder, 0), Checkpoint({"x": np.zeros(1)}, {"step": 0})
    )  # loads what it needs
    path_for_step(folder, 0).unlink()
    calls = [call for call in calls_of(deed) if str(folder) in call.text]
    steps = [step for step in (heard(call, folder.name) for call in calls) if step]
    return {"kernel": steps, "seam": json.loads(report.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))

"""Processes that a real kernel kills while they save: at a byte, or on entry to a call.

RLIMIT_FSIZE with the default action of SIGXFSZ makes the kernel write exactly so many bytes and
then kill. Each of the hundreds of victims is forked from one process that has loaded everything
(this file, run as a script), which takes 2 ms instead of the 300 of a new interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rinzler.checkpoint import Checkpoint, FileSystem, load, newest, path_for_step, save, sweep

CALLS = ("create", "write", "fsync", "close", "replace", "sync_directory")
MADE = ["create", "write", "write", "fsync", "close", "replace", "sync_directory"]
TENSORS = {"x": np.arange(900, dtype=np.float32), "y": np.arange(90.0)}


class Deadly(FileSystem):
    """Real files, and SIGKILL on entry to the k-th call of a save."""

    def __init__(self, k: int) -> None:
        self.left = k

    def __getattribute__(self, name: str) -> Any:
        if name in CALLS:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


def save_until_call(path: Path, k: int) -> None:
    save(path, Checkpoint(TENSORS, {"step": 2}), Deadly(k))


def save_until_byte(path: Path, limit: int) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and write would just fail
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    save(path, Checkpoint(TENSORS, {"step": 2}))


def attempt(
    folder: Path, action: Callable[[Path, int], None], at: int, before: bytes | None
) -> dict[str, Any]:
    """One victim saves step 2, over a file of that name or where there is none."""
    target = path_for_step(folder, 2)
    target.unlink(missing_ok=True)
    if before is not None:
        target.write_bytes(before)
    child = os.fork()
    if child == 0:
        try:
            action(target, at)
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    chosen, skipped = newest(folder)
    return {
        "at": at,
        "over": before is not None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "target": load(target).meta["step"] if target.exists() else None,
        "first": load(path_for_step(folder, 1)).meta["step"],
        "newest": chosen.name,
        "skipped": skipped,
        "swept": len(sweep(folder)),
    }


def main(folder: Path) -> None:
    first = path_for_step(folder, 1)
    size = save(first, Checkpoint(TENSORS, {"step": 1}))
    limits = sorted({*range(0, size, size // 100), 1, 7, 8, 9, size - 1, size, size + 1})
    befores = (None, first.read_bytes())
    rows = {
        "bytes": [attempt(folder, save_until_byte, n, b) for b in befores for n in limits],
        "calls": [attempt(folder, save_until_call, k, b) for b in befores for k in range(9)],
    }
    print(json.dumps({"size": size, **rows}))  # noqa: T201


if os.name == "posix":

    @pytest.fixture(scope="module")
    def victims(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        command = [sys.executable, __file__, str(tmp_path_factory.mktemp("killed"))]
        # A fork copies one thread: let there be no others.
        alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        run = subprocess.run(command, capture_output=True, encoding="utf-8", env=alone, check=False)
        assert run.returncode == 0, run.stderr
        result: dict[str, Any] = json.loads(run.stdout)
        return result

    def assert_whole(row: dict[str, Any], written: bool) -> None:
        kept = 1 if row["over"] else None
        assert row["target"] == (2 if written else kept), row
        assert row["first"] == 1, row
        expected = "step-000001" if row["target"] is None else "step-000002"
        assert row["newest"] == f"{expected}.safetensors", row
        assert row["skipped"] == [], row

    def test_killed_at_a_byte(victims: dict[str, Any]) -> None:
        assert len(victims["bytes"]) > 200
        for row in victims["bytes"]:
            whole = row["at"] >= victims["size"]
            assert row["signal"] == (0 if whole else signal.SIGXFSZ), row
            assert_whole(row, written=whole)
            assert row["swept"] == (0 if whole else 1), row

    def test_killed_on_entry_to_a_call(victims: dict[str, Any]) -> None:
        for row in victims["calls"]:
            call = MADE[row["at"]] if row["at"] < len(MADE) else None
            assert row["signal"] == (0 if call is None else signal.SIGKILL), row
            assert_whole(row, written=call in (None, "sync_directory"))
            assert row["swept"] == (0 if call in ("create", None, "sync_directory") else 1), row


if __name__ == "__main__":
    main(Path(sys.argv[1]))

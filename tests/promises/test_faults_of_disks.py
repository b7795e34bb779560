"""Calls that the kernel fails, disks that really are full, and disks that are read-only.

Whole runs of `rinzler-train`: one system call of each fails (strace), or the disk has room for some
of its checkpoints only. A run goes on where it can; where not, it says why in one message, and
resumed once the trouble is over it ends with the bits of a run that had none.
Read next: `test_races.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import result


@pytest.mark.promise(
    "a run in which any system call on its folder fails goes on, or says why and can be resumed",
    at_least=18,
    long=350,
)
@pytest.mark.usefixtures("strace")
def test_faults_in_a_run(tmp_path: Path, count, long: bool) -> None:
    went_on = 0
    for which in ("begin", "resume"):
        (tmp_path / which).mkdir()
        for row in result("runs", "failing", which, tmp_path / which, 1 if long else 20):
            assert row["wrong"] == [], row
            assert row["ended"] in (0, 2, 3), row
            if row["ended"]:
                assert "error: " in row["first said"], row
                assert row["saved"] <= (row["resumed"] in (0, 2)), row
            went_on += row["ended"] == 0
            count(bool(row["injected"]))
    assert went_on > 5


@pytest.mark.promise(
    "a disk with room for any part of a checkpoint: the one before stays, the room is given back",
    at_least=25,
)
def test_full_disk(own_mounts: list[str], tmp_path: Path, count) -> None:
    *rows, last = result("small_disk", "saves", tmp_path, 1, within=own_mounts)
    for pages, row in enumerate(rows):
        assert ": ENOSPC, No space left on device, while writing" in row["said"]
        assert row["room"] == pages  # all of it is free again
        assert (row["found"], row["skipped"]) == ("step-000001.safetensors", []), row
        assert (row["left"], row["then"]) == ([], 2), row
        count()
    assert last["found"] == "step-000002.safetensors"


@pytest.mark.promise(
    "runs on disks that fill up go on, end with exit code 3, and can be resumed to the same bits",
    at_least=5,
    long=25,
)
def test_runs_on_small_disks(own_mounts: list[str], tmp_path: Path, count, long: bool) -> None:
    *rows, last = result("small_disk", "runs", tmp_path, 14 if long else 60, within=own_mounts)
    for row in rows:
        assert row["ended"] == 3, row
        assert "error: " in row["first said"]
        assert "was not saved: ENOSPC" in row["first said"]
        assert row["failed"] > 0
        assert (row["wrong"], row["skipped"], row["torn"]) == ([], [], 0), row
        count()
    assert (last["ended"], last["wrong"]) == (0, [])


@pytest.mark.promise("a read-only disk: one clear error, and what is there stays", at_least=3)
def test_read_only_disk(own_mounts: list[str], tmp_path: Path, count) -> None:
    rows = result("small_disk", "read-only", tmp_path, 1, within=own_mounts)
    assert len({row["digest"] for row in rows}) == 1
    for row in rows:
        assert row["ended"] in (2, 3), row
        assert row["said"].startswith("error: disk/victim") or "at disk/new: " in row["said"]
        assert "Read-only file system" in row["said"]
        assert row["said"].strip().count("\n") == 0
        count()

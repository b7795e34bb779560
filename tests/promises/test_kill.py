"""kill -9 at any call or any byte of a save: the last good checkpoint loads, and nobody needs help.

The victims are real processes and it is the kernel that kills them (`crash/kernel.py`). After each
death the folder is looked at as the next process would: `newest`, `load`, `sweep`.
Leaves out: what only a power cut can do (`test_power.py`). Read next: `test_faults.py`.
"""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from scripts import result

LINUX = sys.platform == "linux"
pytestmark = pytest.mark.skipif(not LINUX, reason="these victims need Linux")
LINES = ('{"step": 2}\n', '{"step": 2}\n{"step": 3}\n')  # of metrics.jsonl, before and after
WAYS = ("fresh", "over")  # nothing of that name is there, or an older checkpoint


def victims(folder: Path, what: str, more: int = 0) -> list[dict[str, Any]]:
    """What was found after each death, of both ways at once."""
    for way in WAYS:
        (folder / way).mkdir()

    def of(way: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = result("victims", what, folder / way, way, more)
        return rows

    with ThreadPoolExecutor() as pool:
        return [row for rows in pool.map(of, WAYS) for row in rows]


def wrong(row: dict[str, Any]) -> list[str]:
    """What the next process would miss or stumble over."""
    turns = {int(step): turn for step, turn in row["turns"].items()}
    third = turns.pop(3, 0)  # 0: not there, 1: the one before, 2: the new one
    newest = f"step-{3 if third else 2:06d}.safetensors"
    complaints = {
        "the checkpoint that was there is gone": row["over"] and not third,
        f"of those before there are left: {turns}": not turns.items() <= {1: 1, 2: 1}.items(),
        "an old one was deleted before the new one was there": len(turns) < 2 and third < 2,
        f"the newest is {row['newest']}": row["newest"] != newest,
        f"damaged: {row['skipped']}": row["skipped"],
        f"left behind: {row['strange']}": row["strange"],
        f"{row['swept']} temporaries": row["swept"] > 1,
        f"metrics: {row['lines']}": row["lines"] not in LINES,
    }
    return [text for text, holds in complaints.items() if holds]


@pytest.mark.promise(
    "kill -9 on entry to any system call of a save, with deletions and metrics, loses nothing",
    at_least=50,
)
def test_kill_at_every_call(strace: str, tmp_path: Path, count) -> None:
    rows = victims(tmp_path, "calls")
    names = {row["call"] for row in rows}
    assert {"openat", "write", "fsync", "close", "rename", "getdents64", "unlink"} <= names
    assert any("metrics.jsonl" in row["text"] for row in rows)
    ends = [tuple(row["turns"].items()) for row in rows]
    assert len(set(ends)) >= 4  # before and after the rename, and after the deletion, both ways
    for row in rows:
        assert row["ended"] == -signal.SIGKILL, row
        assert wrong(row) == [], row
        count()


@pytest.mark.promise(
    "killed by the kernel at any byte of the file, a save loses nothing",
    at_least=10_000,
    long=16_000,
)
def test_kill_at_every_byte(tmp_path: Path, count, long: bool) -> None:
    for row in victims(tmp_path, "bytes", 3000 if long else 0):
        assert row["ended"] == (0 if row["whole"] else -signal.SIGXFSZ), row
        assert wrong(row) == [], row
        third = 2 if row["whole"] else row["over"]
        assert row["turns"].get("3", 0) == third, row
        assert row["swept"] == (0 if row["whole"] else 1), row
        count()


@pytest.mark.promise("a save that overwrites is found guilty by the same harness", at_least=50)
def test_saving_in_place_is_caught(tmp_path: Path, count) -> None:
    rows = [row for row in victims(tmp_path, "in-place") if row["over"]]
    for row in rows:
        assert row["ended"] == -signal.SIGXFSZ
        assert any(text.startswith("damaged: ") for text in wrong(row)), row
        count()


@pytest.mark.promise(
    "a run killed at any system call on its folder, new or resumed, ends with the same bits",
    at_least=18,
    long=350,
)
@pytest.mark.usefixtures("strace")
def test_kill_in_a_run(tmp_path: Path, count, long: bool) -> None:
    for which in ("begin", "resume"):
        (tmp_path / which).mkdir()
        rows = result("runs", "killed", which, tmp_path / which, 1 if long else 20)
        for row in rows:
            # A run has not the same number of calls each time: one that should die in the last of
            # them may come to its end instead.
            assert row["ended"] in (-signal.SIGKILL, 0), row
            assert row["wrong"] == [], row
            count(row["ended"] != 0)
        assert {row["saved"] for row in rows} == {True, which == "resume"}


def test_a_loss_would_be_seen() -> None:
    good: dict[str, Any] = {
        "over": True, "newest": "step-000003.safetensors", "skipped": [], "swept": 0,
        "turns": {"1": 1, "2": 1, "3": 1}, "lines": '{"step": 2}\n', "strange": [],
    }  # fmt: skip
    assert wrong(good) == []
    bad: list[dict[str, Any]] = [
        {"turns": {"1": 1, "2": 1}},
        {"turns": {"2": 1, "3": 1}},
        {"turns": {"3": 1}},
        {"newest": "step-000002.safetensors"},
        {"skipped": ["skipped step-000003"]},
        {"strange": ["x"]},
        {"swept": 2},
        {"lines": '{"step": 2}\n{"ste'},
    ]
    for change in bad:
        assert wrong(good | change), change

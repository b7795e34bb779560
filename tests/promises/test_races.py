"""Two runs in one folder: one of them has it, the other is told who that is.

Real processes, started at once or a little after each other, and the lock of `rinzler/cli/lock.py`.
Leaves out: folders on a network. Read next: `test_clock.py`.
"""

from __future__ import annotations

import os
import platform
import re
import signal
from pathlib import Path

import pytest
from scripts import result

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these racers are forks")
REFUSAL = re.compile(
    rf"the run folder \S+ is in use \(process (\d+) on {re.escape(platform.node())}, "
    r"started \d{4}-\d\d-\d\d \d\d:\d\d UTC\)\. Wait for that run or stop it, or start another one"
)


def interleaved(log: list[str]) -> bool:
    """Whether somebody came in before the one inside was out."""
    pairs = zip(log[::2], log[1::2], strict=False)
    return len(log) % 2 == 1 or any(
        first.split() != ["in", second.removeprefix("out ")] for first, second in pairs
    )


@pytest.mark.promise(
    "of processes that race for one run folder one is in it at a time, the others hear who",
    at_least=200,
    long=2_000,
)
def test_races_for_a_lock(tmp_path: Path, count, long: bool) -> None:
    refused = 0
    for row in result("racers", "locks", tmp_path, 2000 if long else 200):
        assert set(row["codes"]) == {0}, row
        assert row["log"], row
        assert not interleaved(row["log"]), row
        assert len(row["log"]) // 2 + len(row["refused"]) == len(row["pids"]), row
        for line in row["refused"]:
            holder = REFUSAL.match(line)
            assert holder, line
            assert int(holder[1]) in row["pids"]
            assert f"in {holder[1]}" in row["log"]
        assert row["left"] == []  # nobody is named where nobody is
        refused += len(row["refused"])
        count()
    assert refused > 50


@pytest.mark.promise(
    "after kill -9 the folder is free for whoever starts in the same moment",
    at_least=100,
    long=1_000,
)
def test_kill_and_start_again(tmp_path: Path, count, long: bool) -> None:
    for row in result("racers", "killed", tmp_path, 1000 if long else 100):
        assert row["codes"] == [-signal.SIGKILL, 0], row
        assert row["refused"] == [], row
        assert row["went in"], row
        count()


@pytest.mark.promise(
    "of runs that are given the same new folder one has it, whole, and the others are refused",
    at_least=6,
    long=100,
)
def test_races_of_runs(tmp_path: Path, count, long: bool) -> None:
    rows = result("racers", "runs", tmp_path, 100 if long else 6)
    assert len({row["digest"] for row in rows}) == 1
    for row in rows:
        assert sorted(row["codes"])[0] == 0, row
        assert set(row["codes"][1:]) <= {0, 2}, row
        assert row["codes"].count(0) == 1, row
        assert sum(text.startswith("error: the run folder ") for text in row["said"]) == (
            len(row["codes"]) - 1
        ), row
        steps = [step for event, step in row["events"] if event == "step"]
        assert steps == [1, 2, 3, 4, 5, 6], row
        assert [event for event, _ in row["events"]].count("start") == 1, row
        count()


@pytest.mark.promise("racers without a lock are found in each other's way", at_least=1)
def test_no_lock_is_caught(tmp_path: Path, count) -> None:
    rows = result("racers", "no-locks", tmp_path, 20)
    count(sum(interleaved(row["log"]) for row in rows))


def test_what_counts_as_interleaved() -> None:
    assert not interleaved(["in 1", "out 1", "in 2", "out 2"])
    assert interleaved(["in 1", "in 2", "out 1", "out 2"])
    assert interleaved(["in 1", "out 1", "in 2"])

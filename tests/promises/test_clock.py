"""No clock decides which checkpoint is the newest, or what is in one.

Clocks jump, and a copy of a folder has the times of its copying. So the step in the name gives the
order, and two saves of the same state have the same bytes whenever they are made.
Leaves out: `newest_run`, which suggests a run to a person who named none, and may be wrong.
Read next: `test_power.py`.
"""

from __future__ import annotations

import os
import time
from itertools import permutations
from pathlib import Path

import pytest
from verdict import state

from rinzler.checkpoint import in_folder, newest, path_for_step, retain, save

STEPS = (9, 10, 99, 1000, 1_000_000)
TIMES = (4e9, 1e9, 86_400.0, 2e9, 1.5e9)  # seconds since 1970: 2096, 2001, 1970, 2033, 2017


@pytest.mark.promise(
    "whatever the times of the files, the highest step is the newest", at_least=120
)
def test_times_of_files_decide_nothing(tmp_path: Path, count) -> None:
    saved = {}
    for step in STEPS:
        save(path_for_step(tmp_path, step), state(step, 0, 10))
        saved[step] = path_for_step(tmp_path, step).read_bytes()
    for order in permutations(STEPS):
        for age, step in enumerate(order):  # written in that order, so created in it too
            path = path_for_step(tmp_path, step)
            path.unlink(missing_ok=True)
            path.write_bytes(saved[step])
            os.utime(path, (TIMES[age], TIMES[age]))
        assert newest(tmp_path) == (path_for_step(tmp_path, STEPS[-1]), [])
        assert list(in_folder(tmp_path)) == list(STEPS)
        deleted = retain(tmp_path, 2, 10)
        assert deleted == [path_for_step(tmp_path, step) for step in (9, 99)]
        count()


@pytest.mark.promise("the same state has the same bytes at any time", at_least=5)
def test_no_time_is_in_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count) -> None:
    found = set()
    for now in TIMES:
        for clock in ("time", "monotonic", "perf_counter"):
            monkeypatch.setattr(time, clock, lambda now=now: float(now))
        save(path_for_step(tmp_path, 1), state(1, 0, 10))
        found.add(path_for_step(tmp_path, 1).read_bytes())
        count()
    assert len(found) == 1

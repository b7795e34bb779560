"""A script: processes that want the same run folder at the same time.

    python racers.py locks FOLDER 200     2 to 4 processes take the lock of one folder, and leave
    python racers.py killed FOLDER 100    kill -9 to whoever has it, and the next starts at once
    python racers.py runs FOLDER 20       2 to 4 times `rinzler-train` with the same --run-dir
    python racers.py no-locks FOLDER 9    the first without a lock, and so found guilty

Who is inside appends to one file, in single writes: "in PID", "out PID". Prints JSON.
Read next: `../test_races.py`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import runs
from kernel import start

from rinzler.cli.lock import owned
from rinzler.errors import ConfigError

LOG, REFUSED = "log", "refused"
AT_ONCE = 4  # races that go on at the same time
PATIENCE = 0.03  # seconds, shorter than anybody holds the lock: so there are refusals too


def note(folder: Path, name: str, text: str) -> None:
    """One line in one write, at the end whoever else writes."""
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


def lines(folder: Path, name: str) -> list[str]:
    path = folder / name
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def hold(
    folder: Path, seconds: float, lock: Callable[[Path], AbstractContextManager[None]]
) -> None:
    """Take the lock, stay a while, leave; or note who has it."""
    try:
        with lock(folder):
            note(folder, LOG, f"in {os.getpid()}")
            time.sleep(seconds)
            note(folder, LOG, f"out {os.getpid()}")
    except ConfigError as error:
        note(folder, REFUSED, str(error))


def race(folder: Path, number: int, lock: Callable[..., Any]) -> list[int]:
    """Start two to four processes, each a little later than the one before, or not."""
    chance = random.Random(number)
    folder.mkdir()
    children = []
    for _ in range(chance.randint(2, 4)):
        seconds = chance.choice([0.001, 0.01, 0.08])
        children.append(start(lambda seconds=seconds: hold(folder, seconds, lock)))
        time.sleep(chance.choice([0, 0, 0.002]))
    return children


def races(where: Path, numbers: range, lock: Callable[..., Any]) -> list[dict[str, Any]]:
    """A few of them at the same time, in a folder each."""
    racing = {number: race(where / str(number), number, lock) for number in numbers}
    rows = []
    for number, children in racing.items():
        codes, folder = ends(children), where / str(number)
        told = {"log": lines(folder, LOG), "refused": lines(folder, REFUSED)}
        rows.append({"pids": children, "codes": codes, "left": lines(folder, "lock"), **told})
    return rows


def ends(children: list[int]) -> list[int]:
    """Their exit codes, or minus the signals."""
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def killed(folder: Path, number: int) -> dict[str, Any]:
    """The holder is killed; another one starts before anybody has cleared up."""
    folder.mkdir(exist_ok=True)
    holder = start(lambda: hold(folder, 60, owned))
    while f"in {holder}" not in lines(folder, LOG):
        time.sleep(0.001)
    os.kill(holder, signal.SIGKILL)
    next_one = start(lambda: hold(folder, 0, owned))
    codes = ends([holder, next_one])
    refused = lines(folder, REFUSED)
    return {"codes": codes, "refused": refused, "went in": f"out {next_one}" in lines(folder, LOG)}


def race_of_runs(folder: Path, number: int) -> dict[str, Any]:
    """Whole runs that are given the same new folder."""
    chance = random.Random(number)
    children = []
    for each in range(chance.randint(2, 4)):
        said = folder.with_name(f"said-{number}-{each}")
        children.append(start(lambda said=said: runs.begin(folder, said)))
        time.sleep(chance.choice([0, 0, 0.05]))
    codes = ends(children)
    said = [path.read_text(encoding="utf-8") for path in folder.parent.glob(f"said-{number}-*")]
    records = [json.loads(line) for line in lines(folder, "metrics.jsonl")]
    return {
        "codes": codes,
        "said": [text.splitlines()[-1] for text in said],
        "events": [[each["event"], each.get("step")] for each in records],
        "digest": runs.outcome(folder)["digest"],
    }


def main(what: str, where: str, number: str) -> list[dict[str, Any]]:
    folder = Path(where)
    if what == "killed":
        return [killed(folder / "one", each) for each in range(int(number))]
    if what == "runs":
        runs.prepare(folder)
        return [race_of_runs(Path(f"run-{each}"), each) for each in range(int(number))]
    lock = nullcontext if what == "no-locks" else lambda path: owned(path, PATIENCE)
    some = (range(first, first + AT_ONCE) for first in range(0, int(number), AT_ONCE))
    return [row for numbers in some for row in races(folder, numbers, lock)]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))

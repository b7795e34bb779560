"""A script: whole runs of `rinzler-train`, killed at system calls on their folder, and resumed.

    python runs.py FOLDER 16     at every 16th of them

Prints JSON: what a run that nobody disturbed ends with, and for each victim what it ends with.
Read next: `../test_kill.py`, which says what that must be.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernel import calls_of, forked, killed_at

from rinzler.checkpoint import in_folder
from rinzler.cli import main
from rinzler.cli.attended import AttendedTrainer

TEXT = "the quick brown fox jumps over the lazy dog, and the dog does not mind.\n" * 40
VICTIM, WHOLE = Path("victim"), Path("whole")
STEPS = 6
SETTINGS = (
    *("--steps", str(STEPS), "--save-every", "2", "--keep-last", "1", "--eval-every", "3"),
    *("--gen-every", "4", "--d-model", "16", "--layers", "1", "--context", "16", "--lr", "0.01"),
    *("--batch-size", "4", "--vocab-size", "0", "--backend", "numpy", "--plain"),
)


def train(*words: str) -> None:
    """`rinzler-train` in this process, what it says in a file."""
    said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    sys.stdout.flush()
    before = [os.dup(stream) for stream in (1, 2)]
    for stream in (1, 2):
        os.dup2(said, stream)
    sys.argv = ["rinzler-train", *words]
    code = main.train_main()
    sys.stdout.flush()
    for stream, old in zip((1, 2), before, strict=True):
        os.dup2(old, stream)
    if code:
        raise SystemExit(code)


def begin(folder: Path) -> None:
    train("fox.txt", "--run-dir", str(folder), *SETTINGS)


def go_on() -> None:
    train("--resume", str(VICTIM), "--plain")


def outcome(folder: Path) -> dict[str, Any]:
    """What a run has come to, but for clocks and names."""
    checkpoints = in_folder(folder)
    records = map(json.loads, (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    told = ("step", "validation", "sample")
    metrics = [[each["event"], each["step"]] for each in records if each["event"] in told]
    known = {"config.json", "metrics.jsonl", "samples.txt", "lock"}
    kept = {path.name for path in checkpoints.values()}
    return {
        "digest": hashlib.sha256(checkpoints[STEPS].read_bytes()).hexdigest(),
        "metrics": sorted(metrics),
        "strange": sorted({path.name for path in folder.iterdir()} - known - kept),
    }


def victims(every: int) -> list[dict[str, Any]]:
    calls = [call for call in calls_of(lambda: begin(VICTIM)) if VICTIM.name in call.text]
    rows = []
    for call in calls[::every]:
        shutil.rmtree(VICTIM)
        killed = killed_at(lambda: begin(VICTIM), call)
        VICTIM.mkdir(exist_ok=True)
        saved = bool(in_folder(VICTIM))
        row = {"text": call.text, "killed": killed, "saved": saved, "resumed": forked(go_on)}
        row["said"] = Path("said").read_text(encoding="utf-8")
        rows.append(row | (outcome(VICTIM) if saved else {}))
    return rows


def run(where: str, every: str) -> Sequence[Any] | dict[str, Any]:
    os.chdir(where)
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    AttendedTrainer.sample.__defaults__ = (12, 0.8)  # short samples do
    begin(WHOLE)
    return {"rows": victims(int(every)), **outcome(WHOLE)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(*sys.argv[1:])))

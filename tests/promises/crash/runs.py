"""A script: whole runs of `rinzler-train`, disturbed at system calls on their folder, and resumed.

    python runs.py killed begin FOLDER 16       a new run, at every 16th of them
    python runs.py failing resume FOLDER 16     one that is resumed; they fail, and do not kill

Prints JSON: for each victim how it ended, and what was wrong after a resume.
Read next: `../test_kill.py` and `../test_faults.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fox import digest
from kernel import Call, Deed, calls_of, failing_at, forked, killed_at

from rinzler.checkpoint import in_folder
from rinzler.cli import main
from rinzler.cli.attended import AttendedTrainer

TEXT = "the quick brown fox jumps over the lazy dog, and the dog does not mind.\n" * 40
VICTIM, WHOLE, HALF = Path("victim"), Path("whole"), Path("half")
SAID = Path("said")
Disturbance = Callable[[Deed, Call, int], dict[str, Any]]
STEPS = 6
KEEP_LAST = "1"
BEST = "step-000003.safetensors"  # saved after a validation only, as the best until then
ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE", "EINTR", "EDQUOT")
SETTINGS = (
    *("--steps", str(STEPS), "--save-every", "2", "--eval-every", "3"),
    *("--gen-every", "4", "--d-model", "16", "--layers", "1", "--context", "16", "--lr", "0.01"),
    *("--batch-size", "4", "--vocab-size", "0", "--backend", "numpy", "--plain"),
)


def train(*words: str, said_in: Path = SAID) -> None:
    """`rinzler-train` in this process, what it says in a file."""
    said = os.open(said_in, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
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


def begin(folder: Path, said_in: Path = SAID) -> None:
    words = ("--run-dir", str(folder), "--keep-last", KEEP_LAST)
    train("fox.txt", *words, *SETTINGS, said_in=said_in)


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
    kept |= {path.name for path in folder.glob("step-*.old")}  # could not be read: set aside
    last = checkpoints[STEPS]
    return {
        "digest": hashlib.sha256(last.read_bytes()).hexdigest(),
        "state": digest(last, but="best"),
        "metrics": sorted(metrics),
        "strange": sorted({path.name for path in folder.iterdir()} - known - kept),
    }


def begin_victim() -> None:
    begin(VICTIM)


def half_done() -> None:
    """In HALF, a run that was killed when it was to save step 6."""
    calls = calls_of(begin_victim)
    shutil.rmtree(VICTIM)
    killed_at(begin_victim, next(call for call in calls if "step-000006" in call.text))
    shutil.move(VICTIM, HALF)


def victims(deed: Deed, every: int, disturb: Disturbance) -> list[dict[str, Any]]:
    """What each disturbed run came to, after a resume where it did not come to its end."""

    def reset() -> None:
        shutil.rmtree(VICTIM, ignore_errors=True)
        if deed is go_on:
            shutil.copytree(HALF, VICTIM)

    reset()
    calls = [call for call in calls_of(deed) if VICTIM.name in call.text]
    rows = []
    for number, call in enumerate(calls[::every]):
        reset()
        row = {"text": call.text} | disturb(deed, call, number)
        VICTIM.mkdir(exist_ok=True)
        row["saved"] = bool(in_folder(VICTIM))
        row["first said"] = row["said"] = SAID.read_text(encoding="utf-8")
        if row["ended"] != 0:
            row["resumed"] = forked(go_on)
            row["said"] = SAID.read_text(encoding="utf-8")
        row["wrong"] = wrong(row, outcome(WHOLE))
        rows.append(row)
    return rows


def wrong(row: dict[str, Any], whole: dict[str, Any]) -> list[str]:
    """What a run that was disturbed, and resumed where it broke off, lacks in the end."""
    found = ["a traceback"] if "Traceback" in row["said"] + row["first said"] else []
    if not row["saved"]:
        refused = row.get("resumed") in (2, 3) and row["said"].startswith("error: ")
        return found if refused else [*found, "nothing is saved, and no word of it"]
    came_to = outcome(VICTIM)
    missing = [each for each in whole["metrics"] if each not in came_to["metrics"]]
    if row.get("resumed") == 2 and f"{STEPS} steps" in row["said"]:
        # The last save was the last thing it did: validation and sample are not made up for.
        missing = [each for each in missing if each[1] != STEPS]
    if missing:
        found.append(f"metrics lack {missing}")
    if len(came_to["metrics"]) > len(whole["metrics"]):
        found.append("metrics has something twice")
    # The best one is the best of those that are there: if its save failed, none names it.
    unsaved = (f"{BEST} was not saved", f"{BEST} may not be safe")
    same = "state" if any(word in row["first said"] for word in unsaved) else "digest"
    if came_to[same] != whole[same]:
        found.append("the last checkpoint has other bits")
    if came_to["strange"]:
        found.append(f"left behind: {came_to['strange']}")
    return found


def kill(deed: Deed, call: Call, number: int) -> dict[str, Any]:
    return {"ended": killed_at(deed, call)}


def fail(deed: Deed, call: Call, number: int) -> dict[str, Any]:
    error = ERRORS[number % len(ERRORS)]
    ended, injected = failing_at(deed, call, error)
    return {"ended": ended, "error": error, "injected": injected}


def prepare(where: Path) -> None:
    """Work in that folder; WHOLE is a run there that nobody disturbed."""
    os.chdir(where)
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    AttendedTrainer.sample.__defaults__ = (12, 0.8)  # short samples do
    begin(WHOLE)


def run(what: str, which: str, where: str, every: str) -> list[dict[str, Any]]:
    prepare(Path(where))
    if which == "resume":
        half_done()
    deed = {"begin": begin_victim, "resume": go_on}[which]
    disturb = {"killed": kill, "failing": fail}[what]
    return victims(deed, int(every), disturb)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(*sys.argv[1:])))

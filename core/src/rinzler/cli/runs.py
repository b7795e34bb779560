"""`rinzler runs`: which runs there are, how far they came, which of their checkpoints are whole.

    rinzler runs                    every run in runs/
    rinzler runs runs/notes-001     the checkpoints of one, each verified

Leaves out: finding out (`history.py`). Read next: `convert.py`.
"""

from __future__ import annotations

import json as json_module
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rinzler.cli import rundir
from rinzler.cli.found import folder_of
from rinzler.cli.history import Kept, PastRun, Validation, checkpoints_of, is_run, look_at, runs_in
from rinzler.cli.table import coloured, columns
from rinzler.cli.words import size, visible
from rinzler.errors import EXIT_OK

RUNS = ("RUN", "STATE", "STEPS", "LAST VALIDATION", "CHECKPOINTS", "SIZE", "TEXT")
KEPT = ("CHECKPOINT", "STATE", "VALIDATION", "SIZE", "NOTE")
COLOURS = {"running": "green", "finished": "default", "stopped": "yellow", "valid": "green"}


def list_runs(name: str | None, json: bool) -> int:
    """Print the runs of a folder, or the checkpoints of a run. Raises CheckpointError."""
    folder = rundir.RUNS if name is None else folder_of(name)
    if name is not None and is_run(folder):
        run = look_at(folder)
        kept = checkpoints_of(run)
        text = _json(_plain(run) | {"kept": [_plain(each) for each in kept]}) if json else ""
        sys.stdout.write(text or _one(run, kept))
        return EXIT_OK
    runs = runs_in(folder)
    if json:
        sys.stdout.write(_json([_plain(run) for run in runs]))
    elif runs:
        sys.stdout.write(visible_table(RUNS, [_row(run) for run in runs]))
    else:
        sys.stdout.write(f"there are no runs in {folder} yet. Train one: rinzler-train\n")
    return EXIT_OK


def visible_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Names come from folders and texts: what a terminal would obey is made visible first."""
    shown = [[visible(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        return columns(titles, shown)
    return coloured(titles, shown, shutil.get_terminal_size().columns, COLOURS)


def _row(run: PastRun) -> tuple[str, ...]:
    planned = f" of {run.planned:,}" if run.planned else ""
    return (
        run.folder.name,
        run.state,
        f"{run.steps:,}{planned}",
        _measured(run.last),
        str(run.checkpoints),
        size(run.nbytes),
        f"{run.text} ({run.note})" if run.text and run.note else run.text or run.note,
    )


def _one(run: PastRun, kept: Sequence[Kept]) -> str:
    """A run in two lines and a table."""
    planned = f" of {run.planned:,}" if run.planned else ""
    facts = [f"{run.folder} · {run.state} · {run.steps:,}{planned} steps"]
    facts += [f"text {run.text}"] if run.text else []
    facts += (
        [f"best validation {_measured(run.best)} at step {run.best.step:,}"] if run.best else []
    )
    head = " · ".join(facts) + "\n" + (f"{run.note}\n" if run.note else "")
    if not kept:
        return f"{visible(head)}it has no checkpoint\n"
    rows = []
    for each in kept:
        marks = [word for word in ("newest", "best") if getattr(each, word)]
        rows.append(
            (
                each.path.name,
                "valid" if each.valid else "damaged",
                _measured(each.validation),
                size(each.nbytes),
                ", ".join(marks + [each.reason] * bool(each.reason)),
            )
        )
    return visible(head) + visible_table(KEPT, rows)


def _measured(validation: Validation | None) -> str:
    if validation is None:
        return "-"
    return f"{validation.loss:.3f}, {validation.bits_per_byte:.2f} bits per byte"


def _plain(record: PastRun | Kept) -> dict[str, Any]:
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in asdict(record).items()
    }


def _json(value: Any) -> str:
    return json_module.dumps(value, indent=2, allow_nan=False) + "\n"

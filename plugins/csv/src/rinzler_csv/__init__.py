"""A run as a table: metrics.csv in the run's folder, with a row for every N steps.

This file is the whole plugin: a dataclass whose fields become flags, and a function for each event
that it wants to hear of. The entry point `csv` in pyproject.toml names it, so the flags begin with
`--csv-`. Nothing is kept between two events: each row is appended to the file at once.

Leaves out: anything that computes. Copy it to begin a plugin of your own; README.md goes through
it. Read next: `rinzler/plugins/hookspecs.py`, all hooks and when they fire.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rinzler.plugins import RunInfo, hookimpl

COLUMNS = ("step", "loss", "lr", "grad_norm", "tokens_per_second", "val_loss", "val_bpb")


@dataclass(frozen=True)
class CsvOptions:
    """`--csv-every` and `--csv-path`."""

    every: int = field(default=0, metadata={"help": "steps between rows of metrics.csv; 0: none"})
    path: Path | None = field(default=None, metadata={"help": "another place for metrics.csv"})

    def __post_init__(self) -> None:
        if self.every < 0:
            raise ValueError(f"--csv-every is {self.every}, expected 0 or more")
        if self.path is not None and self.every == 0:
            raise ValueError("--csv-path needs rows to write: add --csv-every 1")


@hookimpl
def rinzler_options() -> type[CsvOptions]:
    return CsvOptions


@hookimpl
def rinzler_train_start(run: RunInfo, step: int) -> None:
    """Begin the table, or go on with it: a run that resumes will do the steps after `step` again.

    Raises FileExistsError for a table of another run, ValueError for one of another version.
    """
    path = table(run)
    if path is None:
        return
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old and step == 0:
        raise FileExistsError(f"{path} is there already. Name another one: --csv-path FILE")
    whole = old[: old.rfind("\n") + 1]  # without a line that a crash has cut off
    header, *rows = [tuple(row) for row in csv.reader(io.StringIO(whole))] or [COLUMNS]
    if header != COLUMNS:
        raise ValueError(f"{path} has other columns, expected {', '.join(COLUMNS)}. Move it away")
    part = path.with_name(f"{path.name}.part")
    write(part, "w", header, *(row for row in rows if int(row[0]) <= step))
    part.replace(path)


@hookimpl
def rinzler_step_end(
    run: RunInfo, step: int, loss: float, lr: float, grad_norm: float, tokens_per_second: float
) -> None:
    path = table(run)
    if path is not None and step % run.options_of(CsvOptions).every == 0:
        write(path, "a", (step, loss, lr, grad_norm, tokens_per_second, "", ""))


@hookimpl
def rinzler_eval_end(run: RunInfo, step: int, metrics: Mapping[str, float]) -> None:
    path = table(run)
    if path is not None:
        write(path, "a", (step, "", "", "", "", metrics["val_loss"], metrics["val_bpb"]))


def table(run: RunInfo) -> Path | None:
    """Where the table of a run is; None if nobody asked for one."""
    options = run.options_of(CsvOptions)
    return (options.path or run.directory / "metrics.csv") if options.every else None


def write(path: Path, mode: str, *rows: tuple[object, ...]) -> None:
    """Rows, out of our hands when this returns, so that a run that is killed loses none."""
    with path.open(mode, encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)

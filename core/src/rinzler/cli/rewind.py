"""A run folder as it was at one step: what a run that goes on from there has to find.

`metrics.jsonl` keeps the lines up to that step, so that none comes twice, and `samples.txt` is
written anew from them. Checkpoints of later steps are set aside under other names: they belong to
a course that is now left, and the next resume must not take one of them for the newest.
Files are replaced whole (`rinzler/files.py`): a crash leaves the old one or the new one.
Read next: `resume.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from rinzler import checkpoint
from rinzler.cli import rundir
from rinzler.cli.eventlines import sample_text
from rinzler.cli.streams import say
from rinzler.cli.words import visible
from rinzler.errors import CheckpointError
from rinzler.files import FILES, ReplaceError, replace_file

Record = dict[str, Any]


def rewind(folder: Path, step: int) -> list[Record]:
    """Bring the folder back to a step; returns the records of metrics.jsonl that were kept.

    Only for the process that owns the folder. Raises CheckpointError if the system refuses.
    """
    try:
        checkpoint.sweep(folder)
        _set_aside(folder, step)
        metrics = folder / rundir.METRICS
        if not metrics.exists():
            return []
        records = kept_records(metrics.read_bytes(), step)
        _replace(metrics, (json.dumps(record) + "\n" for record in records))
        samples = (each for each in records if each.get("event") == "sample")
        texts = (visible(sample_text(each["step"], each["text"])) for each in samples)
        _replace(folder / rundir.SAMPLES, texts)
    except (OSError, ReplaceError) as error:
        cause = error.cause if isinstance(error, ReplaceError) else error
        raise CheckpointError(
            f"the run folder {folder} cannot be prepared: {cause.strerror or cause}. Its "
            "checkpoints are untouched. Make sure that there is room, and that you may write there"
        ) from cause
    return records


def kept_records(data: bytes, step: int) -> list[Record]:
    """The records of a metrics file that a run at `step` has behind it.

    A line that a crash or a full disk cut short is dropped, and so is the word that the run ended.
    """
    records = []
    for line in data.decode("utf-8", "replace").split("\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict) or record.get("event") == "end":
            continue
        at = record.get("step", 0)
        if isinstance(at, int) and at <= step:
            records.append(record)
    return records


def _set_aside(folder: Path, step: int) -> None:
    for path in sorted(folder.iterdir()):
        later = checkpoint.step_of(path)
        if later is None or later <= step:
            continue
        names = (path.with_name(f"{path.name}.old{number or ''}") for number in count())
        free = next(name for name in names if not name.exists())
        path.rename(free)
        say(f"note: {path.name} comes after step {step:,} and is set aside as {free.name}")


def _replace(path: Path, lines: Iterable[str]) -> None:
    replace_file(path, (line.encode("utf-8") for line in lines), FILES)

"""What was measured, kept in this user's cache folder, and when it no longer holds.

One JSON line a row, errors and losers included, in one file for each shape of a model, so that
anybody can read how a choice came about. A row carries what it depends on: versions, CPU and its
cores, the device's text with its driver, dtype and shape. If one of these is another now the row is
stale, and what has changed is said.
Read next: `rinzler/cli/autotune.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rinzler.autotune.grid import available_cores, describe
from rinzler.autotune.row import Row
from rinzler.autotune.workload import Workload
from rinzler.files import FILES, replace_file

FOLDER = "RINZLER_AUTOTUNE_DIR"

Record = dict[str, Any]
# What others read of a row, and as what: a file in a folder of the user's may hold anything.
TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("backend", "device", "state", "reason", "when", "version"), (str,)),
    **dict.fromkeys(("sequences", "batch_size", "accumulate"), (int,)),
    **dict.fromkeys(("tokens_per_second", "spread"), (int, float)),
    **dict.fromkeys(("tunables", "surroundings"), (dict,)),
    "threads": (int, type(None)),
}


@dataclass(frozen=True)
class Remembered:
    """The fastest setting that was measured, and what speaks against believing it."""

    record: Record
    stale: tuple[str, ...]  # "rinzler-numba was 0.1.0 and is 0.2.0"


def folder() -> Path:
    """Where all rows lie; RINZLER_AUTOTUNE_DIR names another place."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("rinzler") / "autotune"


def path_for(workload: Workload) -> Path:
    """Where the rows of this shape lie."""
    text = json.dumps(workload.shape(), sort_keys=True)
    return folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.jsonl"


def surroundings() -> dict[str, Any]:
    """What every row depends on, whatever its backend."""
    return {
        "cpu": cpu_name(),
        "cores": available_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def cpu_name() -> str:
    """As the system names it; the architecture where it does not."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def record_of(row: Row, workload: Workload, core: str, rigor: str) -> Record:
    """One row with all that it depends on."""
    cell = row.cell
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "rigor": rigor,
        "shape": workload.shape(),
        "sequences": cell.batch_size * cell.accumulate,
        "core": core,
        "version": cell.place.version,
        "surroundings": surroundings(),
        **describe(cell),
        "device": row.device,
        "state": row.state,
        "reason": row.reason,
        "parity": row.parity,
        "tokens_per_second": row.pace,
        "spread": row.spread,
        "steps": len(row.times),
        "opening_seconds": row.opening,
        "compiling_seconds": row.compiling,
        "peak_bytes": row.peak,
        "device_peak_bytes": row.device_peak,
    }


def keep(workload: Workload, records: Iterable[Record], finished: bool = True) -> Path:
    """Put new rows in the place of older ones of the same candidates. Raises ReplaceError.

    Those of a search that was not `finished` stand beside older ones and replace none.
    """
    path = path_for(workload)
    old, new = read(path), list(records)
    if finished:
        replaced = {_candidate(record) for record in new}
        old = [record for record in old if _candidate(record) not in replaced]
    else:
        known = {_candidate(record) for record in old}
        new = [record for record in new if _candidate(record) not in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in (*old, *new))
    replace_file(path, [line.encode("utf-8") for line in lines], FILES)
    return path


def read(path: Path) -> list[Record]:
    """The rows of a file; a line that is none is passed over, and a missing file has none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return list(_records(text.splitlines()))


def _records(lines: Iterable[str]) -> Iterator[Record]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and _is_whole(record):
            yield record


def _is_whole(record: Mapping[str, Any]) -> bool:
    """Whether it has what others read of it; tunables become variables of the environment."""
    known = (isinstance(record.get(name), types) for name, types in TYPES.items())
    return all(known) and all(isinstance(value, str) for value in record["tunables"].values())


def _candidate(record: Record) -> str:
    names = ("backend", "device", "threads", "batch_size", "accumulate", "tunables", "version")
    return json.dumps([record.get(name) for name in names], sort_keys=True)


def recall(workload: Workload, versions: Mapping[str, str], core: str) -> Remembered | None:
    """The fastest row for this shape; one of the same number of sequences if there is any.

    `versions` are those of the backends that are ready now, by name: rows of others do not count.
    Rows that still hold come before stale ones.
    """
    rows = [row for row in read(path_for(workload)) if row["state"] == "measured"]
    rows = [row for row in rows if row["backend"].partition(":")[0] in versions]
    if not rows:
        return None

    def rank(row: Record) -> tuple[bool, bool, float]:
        fresh = not stale(row, versions, core)
        return fresh, row["sequences"] == workload.sequences, row["tokens_per_second"]

    best = max(rows, key=rank)
    return Remembered(best, stale(best, versions, core))


def stale(record: Record, versions: Mapping[str, str], core: str) -> tuple[str, ...]:
    """What is not as it was when a row was measured."""
    name = record["backend"].partition(":")[0]
    pairs = [("core", record.get("core"), core), (name, record["version"], versions.get(name))]
    before = record["surroundings"]
    pairs += [(key, before.get(key), value) for key, value in surroundings().items()]
    return tuple(f"{key} was {old} and is {new}" for key, old, new in pairs if old != new)

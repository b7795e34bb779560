"""`rinzler-autotune`: search, show what is found while it is found, keep it, and say what to type.

The table and the command go to stdout; with --json each row is an object there, in the order in
which rows are settled. Every row is kept, errors included (`rinzler/autotune/store.py`), and from
then on `rinzler-train` takes what was fastest where nobody names a backend.
Leaves out: what is measured (`rinzler/autotune/tuner.py`). Read next: `tunetable.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rinzler import __version__
from rinzler.autotune import RIGORS, Row, Tuner, Workload, store
from rinzler.autotune.grid import Place, batches, places, thread_counts
from rinzler.autotune.tuner import WINDOW_STEPS, Rigor
from rinzler.cli.invocation import Invocation
from rinzler.cli.preferring import versions
from rinzler.cli.streams import say
from rinzler.cli.tunetable import NOISY, heading, line, live_table, stored_lines, table
from rinzler.cli.tuning import TuneRequest
from rinzler.errors import EXIT_ENVIRONMENT, EXIT_INTERRUPTED, EXIT_OK, BackendError, ConfigError
from rinzler.files import ReplaceError
from rinzler.plugins import plugins

BYTES = 257  # ids before the first merge: those of bytes, and the one between two documents


def run(request: TuneRequest) -> int:
    """Search as asked; returns the exit code. Raises RinzlerError."""
    if request.seconds is not None and not request.seconds > 0:
        raise ConfigError(f"time_limit is {request.seconds}, expected seconds above 0")
    workload = workload_of(request)
    if request.show:
        return _show(workload, request.json)
    rigor = _rigor(request)
    named = None if request.backend == "auto" else request.backend
    found = places(plugins().reports("described"), named, request.device)
    if named and not found:
        plugins().find("backend", named)  # raises what says why
    tuner = _tuner(request, workload, found, rigor)
    say(heading(workload, request.rigor, rigor.seconds))
    try:
        with _watched(request, tuner):
            rows = tuner.run()
    except KeyboardInterrupt:
        return _stopped(request, workload, tuner)
    _keep(workload, rows, request.rigor)
    if not request.json:
        sys.stdout.write(_result(workload, rows, tuner))
    if tuner.best is None:
        raise BackendError(_nothing(rows))
    return EXIT_OK


def _stopped(request: TuneRequest, workload: Workload, tuner: Tuner) -> int:
    """What was found so far is shown and kept; it chooses nothing, since nobody has won."""
    rows = tuner.stop()
    kept = bool(rows) and _keep(workload, rows, request.rigor, finished=False)
    if rows and not request.json:
        sys.stdout.write(table(rows, None, _width()))
    say("stopped; what was found so far is kept (--show)" if kept else "stopped")
    return EXIT_INTERRUPTED


def workload_of(request: TuneRequest) -> Workload:
    """The model that `rinzler-train` would make of the same flags. Raises ConfigError."""
    return Workload(request.model.complete(BYTES + request.merges), request.training)


def _rigor(request: TuneRequest) -> Rigor:
    rigor = RIGORS[request.rigor]
    steps = request.steps or WINDOW_STEPS
    return replace(rigor, steps=steps, seconds=request.seconds or rigor.seconds)


def _tuner(request: TuneRequest, workload: Workload, found: Sequence[Place], rigor: Rigor) -> Tuner:
    counts = thread_counts(request.threads, rigor.thorough)
    sizes = batches(workload, request.batch_sizes, rigor.batches)
    return Tuner(workload, found, counts, sizes, rigor)


@contextmanager
def _watched(request: TuneRequest, tuner: Tuner) -> Iterator[None]:
    """Rows as they come: a table that is redrawn, lines, or objects."""
    told: set[Row] = set()

    def once(write: Callable[[Row], None]) -> Callable[[Row], None]:
        def settled(row: Row) -> None:
            if row.state != "waiting" and row not in told:
                told.add(row)
                write(row)

        return settled

    if request.json:
        tuner.changed = once(lambda row: _write_json(tuner.workload, row, request.rigor))
        yield
    elif request.plain or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        tuner.changed = once(lambda row: say(line(row)))
        yield
    else:
        with live_table(tuner):
            yield


def _write_json(workload: Workload, row: Row, rigor: str) -> None:
    record = store.record_of(row, workload, __version__, rigor)
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def _keep(workload: Workload, rows: Sequence[Row], rigor: str, finished: bool = True) -> bool:
    """Write the rows down. What cannot be written is no reason to lose what was found."""
    records = [store.record_of(row, workload, __version__, rigor) for row in rows]
    try:
        store.keep(workload, records, finished)
    except (OSError, ReplaceError) as error:
        cause = error.__cause__ or error
        why = getattr(cause, "strerror", None) or cause
        say(f"note: {store.path_for(workload)} cannot be written ({why}); nothing is remembered")
        return False
    return True


def _result(workload: Workload, rows: Sequence[Row], tuner: Tuner) -> str:
    """The table, what is remarkable about it, and the command to type."""
    text = table(rows, tuner.best, _width())
    best = tuner.best
    if best is None:
        return text
    losing = [row for row in rows if row.ranked and row.cell.place.has_devices]
    if losing and not best.cell.place.has_devices:
        text += _crossover(losing[0], best, workload)
    if best.spread > NOISY:
        text += (
            f"note: the steps of the fastest vary by ±{best.spread:.0%}: something else is busy "
            "here. Measure again when it is quiet\n"
        )
    return f"{text}\n→ {command(best)}\n"


def _width() -> int | None:
    """Of the terminal; None where a file or a program reads, which has room for everything."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _crossover(row: Row, best: Row, workload: Workload) -> str:
    """Why a GPU loses, and where it would not."""
    wider = 4 * workload.model.d_model
    return (
        f"{row.cell.place.name} has {row.pace / best.pace:.0%} of the pace of "
        f"{best.cell.place.name}: steps of a small model are too short for what each call costs "
        f"a GPU. Wider ones are its business: rinzler-autotune --d-model {wider}\n"
    )


def command(best: Row) -> str:
    """The `rinzler-train` command, with all that was typed here and means something there."""
    cell = best.cell
    name, _, number = cell.place.name.partition(":")
    changes: dict[str, Any] = {
        "backend": name,
        "device": number or None,
        "threads": None if cell.threads is None else str(cell.threads),
        "batch_size": str(cell.batch_size),
        "accumulate": str(cell.accumulate) if cell.accumulate > 1 else None,
        "batch_sizes": None,
        "time_limit": None,
        "steps": None,
    }
    words = Invocation.of_this_process().without("--quick", "--normal", "--thorough", "--plain")
    variables = "".join(f"{name}={value} " for name, value in cell.tunables)
    return variables + words.as_command("train").again(**changes)


def _nothing(rows: Sequence[Row]) -> str:
    reasons = "".join(f"\n  {row.cell.place.name}: {row.reason or row.state}" for row in rows)
    return f"no candidate could be measured{reasons or '; pip install rinzler-numpy'}"


def _show(workload: Workload, as_json: bool) -> int:
    """What was measured for this model, and whether it still holds."""
    records = store.read(store.path_for(workload))
    if not records:
        say("nothing was measured for this model yet: rinzler-autotune")
        return EXIT_ENVIRONMENT
    now = versions()
    if as_json:
        for record in records:
            reasons = store.stale(record, now, __version__)
            sys.stdout.write(json.dumps(record | {"stale": list(reasons)}) + "\n")
    else:
        sys.stdout.write(stored_lines(records, [store.stale(r, now, __version__) for r in records]))
        sys.stdout.write(f"\n{store.path_for(workload)}\n")
    return EXIT_OK

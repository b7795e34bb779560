"""`rinzler-train --plan`: what a run would take, and nothing of it is done.

Everything is prepared as for the run itself, a few steps are timed, and no folder is made. The plan
is the result of the command, so it goes to stdout.
Leaves out: how the numbers are found (`needs.py`). Read next: `train.py`.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

from rinzler.cli import resume
from rinzler.cli.lines import aligned, needs_lines, plan_lines
from rinzler.cli.needs import Pace, paced
from rinzler.cli.plan import Plan, prepare
from rinzler.cli.records import plan_record
from rinzler.cli.request import TrainRequest
from rinzler.errors import EXIT_OK


def show_plan(request: TrainRequest, held: ExitStack) -> int:
    """Print the plan of a new run, or of the rest of one. Raises RinzlerError."""
    if request.resume:
        ready = resume.prepare(request, held)
        trainer, plan = ready.trainer, ready.plan
    else:
        trainer, plan = prepare(request)
    pace = paced(trainer)
    text = _as_json(plan, pace) if request.json else _as_lines(plan, pace)
    sys.stdout.write(text)
    return EXIT_OK


def _as_lines(plan: Plan, pace: Pace) -> str:
    lines = [line for line in plan_lines(plan) if line[0] != "run" or plan.resumed]
    lines += [("note", note) for note in plan.notes]
    return "".join(f"{aligned(line)}\n" for line in (*lines, *needs_lines(plan, pace)))


def _as_json(plan: Plan, pace: Pace) -> str:
    assert plan.needs is not None  # as in needs_lines
    needs = plan.needs.to_json()
    measured = {"seconds": pace.total, "seconds_per_step": pace.step}
    record = {"event": "plan", **plan_record(plan), **needs, **measured}
    return json.dumps(record, allow_nan=False) + "\n"

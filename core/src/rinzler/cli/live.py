"""The run in a terminal: a bar that moves, and everything worth keeping above it.

Only the last line is ever redrawn; the plan, validations, samples and checkpoints scroll by above
it as they would in a log. NO_COLOR is respected, and without a terminal this file is not loaded.
Read next: `records.py`.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from rinzler.cli.lines import (
    LABEL,
    Line,
    Outcome,
    outcome_lines,
    plan_lines,
    sample_text,
    saved_line,
    validation_line,
)
from rinzler.cli.plan import Plan
from rinzler.cli.report import STOPPING, Listener, Meter
from rinzler.cli.streams import Results
from rinzler.cli.words import duration, visible
from rinzler.train import Evaluated, Event, Sampled, Saved, Stepped

REFRESH = 0.2  # seconds between two readings of the meter; a number that races cannot be read


class LiveReporter(Listener):
    """A bar on stderr. Samples go to stdout, above the bar where both are the same terminal."""

    def __init__(self, results: Results) -> None:
        self.console = Console(stderr=True, highlight=False, emoji=False, markup=False)
        self.results = None if sys.stdout.isatty() else results
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[reading]}", markup=False),
            console=self.console,
            redirect_stdout=False,  # what is ours goes through the console; what is not, nowhere
            expand=True,
        )

    def started(self, plan: Plan) -> None:
        self.plan = plan
        self.meter = Meter(plan)
        self.shown = 0.0
        for line in plan_lines(plan):
            self._print(line)
        self.console.print()
        total = plan.training.steps
        self.task = self.progress.add_task(f"step 0/{total:,}", total=total, reading="")
        self.progress.start()

    def happened(self, event: Event) -> None:
        if isinstance(event, Stepped):
            self._stepped(event)
        elif isinstance(event, Evaluated):
            self._print(validation_line(event, self.plan), "bold")
        elif isinstance(event, Saved):
            self._print(saved_line(event))
        elif isinstance(event, Sampled):
            self._sampled(event)

    def stopping(self, signal: str) -> None:
        # The redrawing thread shows it; writing from inside a handler could meet a write.
        self.progress.update(self.task, description=f"{signal}: {STOPPING}", reading="")

    def ended(self, outcome: Outcome) -> None:
        self.close()
        self.console.print()
        for line in outcome_lines(outcome, self.plan):
            self._print(line, "bold" if line[0] == "result" else "")

    def close(self) -> None:
        self.progress.stop()

    def _stepped(self, event: Stepped) -> None:
        self.meter.add(event)
        total = self.plan.training.steps
        self.progress.update(self.task, completed=event.step)
        if self.meter.seconds < REFRESH and event.step not in (1, total):
            return
        loss, pace = self.meter.read()
        left = duration(self.meter.left(event.step))
        self.progress.update(
            self.task,
            description=f"step {event.step:,}/{total:,}",
            reading=f"loss {loss:.3f}  {pace:,.0f} tok/s  {left} left",
        )

    def _sampled(self, event: Sampled) -> None:
        text = visible(sample_text(event.step, event.text))
        if self.results:
            self.results.write(text)
            return
        head, _, body = text.partition("\n")
        self.console.print()
        self.console.print(Text(head, style="dim"))
        self.console.print(Text(body.rstrip("\n")), soft_wrap=True)
        self.console.print()

    def _print(self, line: Line, style: str = "") -> None:
        label, text = line
        words = Text(f"{label:<{LABEL}}", style="dim").append(Text(text, style=style or "default"))
        self.console.print(words, soft_wrap=True)

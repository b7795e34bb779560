"""The run in a terminal: a bar that moves, and everything worth keeping above it.

Only the last line is ever redrawn; the plan, validations, samples and checkpoints scroll by above
it as they would in a log. NO_COLOR is respected, and without a terminal this file is not loaded.
Read next: `records.py`.
"""

from __future__ import annotations

from textwrap import wrap

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from rinzler.cli.eventlines import event_lines, sample_text
from rinzler.cli.lines import LABEL, VERBATIM, WORDS, Line, Outcome, outcome_lines, plan_lines
from rinzler.cli.plan import Plan
from rinzler.cli.report import STOPPING, Listener, Meter
from rinzler.cli.streams import Results
from rinzler.cli.words import duration, visible
from rinzler.events import Event, Sampled, Stepped

REFRESH = 0.2  # seconds between two readings of the meter; a number that races cannot be read
STYLES = {  # of a line, by its label; the others are plain
    "validation": "bold",
    "result": "bold",
    "spike": "yellow",
    "diverging": "yellow",
    "note": "yellow",
    "not saved": "bold red",
}


class LiveReporter(Listener):
    """A bar on stderr. Samples go to stdout, or above the bar where that is the same terminal."""

    def __init__(self, results: Results | None, console: Console | None = None) -> None:
        self.results = results  # None: stdout is the terminal of the bar
        self.console = console or Console(stderr=True)
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
        self.step = plan.done
        for line in plan_lines(plan):
            self._print(line)
        self.task = self.progress.add_task(
            self._where(), completed=self.step, total=plan.training.steps, reading=""
        )
        self.progress.start()

    def happened(self, event: Event) -> None:
        if isinstance(event, Stepped):
            self._stepped(event)
        elif isinstance(event, Sampled):
            self._sampled(event)
        for line in event_lines(event, self.plan):
            self._print(line)

    def busy(self, what: str) -> None:
        self.progress.update(self.task, description=f"{self._where()}, {what}", reading="")

    def stopping(self, signal: str) -> None:
        # The redrawing thread shows it; writing from inside a handler could meet a write.
        words = f"{WORDS.get(signal, signal)}: {STOPPING}"
        self.progress.update(self.task, description=words, reading="")

    def ended(self, outcome: Outcome) -> None:
        self.progress.update(self.task, description=self._where(), reading="")
        self.close()
        self.console.print()
        for line in outcome_lines(outcome, self.plan):
            self._print(line)

    def close(self) -> None:
        self.progress.stop()

    def _stepped(self, event: Stepped) -> None:
        self.meter.add(event)
        self.step = event.step
        self.progress.update(self.task, completed=event.step)
        if self.meter.seconds < REFRESH and event.step not in (
            self.plan.done + 1,
            self.plan.training.steps,
        ):
            return
        loss, pace = self.meter.read()
        left = duration(self.meter.left(event.step))
        reading = f"loss {loss:.3f}  {pace:,.0f} tok/s  {left} left"
        self.progress.update(self.task, description=self._where(), reading=reading)

    def _where(self) -> str:
        return f"step {self.step:,}/{self.plan.training.steps:,}"

    def _sampled(self, event: Sampled) -> None:
        text = visible(sample_text(event.step, event.text))
        if self.results:
            self.results.write("\n" + text)
            return
        head, _, body = text.partition("\n")
        self.console.print()
        self.console.print(Text(head, style="dim"))
        self.console.print(Text(body.rstrip("\n")), soft_wrap=True)  # Text: [this] is no markup
        self.console.print()

    def _print(self, line: Line) -> None:
        label, text = line
        if label not in VERBATIM:
            room = max(20, self.console.width - LABEL)
            text = ("\n" + " " * LABEL).join(wrap(text, room))
        words = Text.assemble((f"{label:<{LABEL}}", "dim"), (text, STYLES.get(label, "")))
        self.console.print(words, soft_wrap=True)

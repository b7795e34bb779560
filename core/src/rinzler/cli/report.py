"""Who hears of a run: one small interface, and its simplest listener, lines on stderr.

A listener implements what it cares about. `PlainReporter` is for log files, pipes and people who
like it plain: never a cursor code, a line at round steps, samples on stdout.
Leaves out: the moving bar (`live.py`), JSON, files and plugins (`records.py`).
Read next: `live.py`.
"""

from __future__ import annotations

from time import perf_counter

from rinzler.cli.eventlines import event_lines, sample_text
from rinzler.cli.lines import LABEL, WORDS, Outcome, aligned, outcome_lines, plan_lines
from rinzler.cli.plan import Plan
from rinzler.cli.streams import Results, say, say_from_handler
from rinzler.cli.words import duration, visible
from rinzler.events import Event, Sampled, Stepped

STOPPING = "finishing this step, then saving; once more to leave at once"
LINES = 50  # about so many in a whole run
LONGEST = 30.0  # seconds without a line
SLOW = 2  # steps at the start that compile and are recorded: no measure for the rest


class Listener:
    """What a run tells whoever listens. Every method may be left out."""

    def started(self, plan: Plan) -> None:
        """All is ready; the first step comes next."""

    def happened(self, event: Event) -> None:
        """A step, a validation, a sample or a checkpoint."""

    def busy(self, what: str) -> None:
        """Something other than a step begins, which may take a while."""

    def stopping(self, signal: str) -> None:
        """Somebody asked to stop. Called from inside a signal handler."""

    def ended(self, outcome: Outcome) -> None:
        """The last step is done, or the run was stopped and has been saved."""

    def close(self) -> None:
        """Whatever happened, error or not: let go."""


class Meter:
    """Loss and pace since somebody last looked, and the time that is left."""

    def __init__(self, plan: Plan) -> None:
        self.steps = plan.training.steps
        self.tokens_per_step = plan.tokens_per_step
        self.timed_from = plan.done  # the step whose end is `begun`
        self.begun = perf_counter()
        self.slow = SLOW
        self.loss = 0.0
        self.seconds = 0.0
        self.count = 0
        self.last = 0.0  # seconds of the last step

    def add(self, event: Stepped) -> None:
        self.loss += event.loss
        self.last = self.tokens_per_step / event.tokens_per_second
        self.seconds += self.last
        self.count += 1
        self.slow -= 1
        if self.slow == 0:
            self.timed_from, self.begun = event.step, perf_counter()

    def read(self) -> tuple[float, float]:
        """(mean loss, tokens per second) since the last reading, which needs at least one step."""
        reading = self.loss / self.count, self.count * self.tokens_per_step / self.seconds
        self.loss, self.seconds, self.count = 0.0, 0.0, 0
        return reading

    def left(self, step: int) -> float:
        """Seconds to the last step, if the rest goes like what has gone."""
        timed = step - self.timed_from
        if not timed:  # of the slow steps the last one is still the best guess
            return self.last * (self.steps - step)
        return (perf_counter() - self.begun) / timed * (self.steps - step)


class PlainReporter(Listener):
    """Lines. Samples are results and go to stdout, all else to stderr."""

    def __init__(self, results: Results | None) -> None:
        self.results = results  # None: somebody else writes to stdout

    def started(self, plan: Plan) -> None:
        self.plan = plan
        self.meter = Meter(plan)
        self.every = round_interval(plan.training.steps, LINES)
        self.last_line = perf_counter()
        self.step = plan.done
        self.first = plan.done + 1
        for line in plan_lines(plan):
            say(aligned(line))
        say("")

    def happened(self, event: Event) -> None:
        if isinstance(event, Stepped):
            self._stepped(event)
        if isinstance(event, Sampled) and self.results:
            self.results.write("\n" + visible(sample_text(event.step, event.text)))
        for label, text in event_lines(event, self.plan):
            say(f"note: {text}" if label == "note" else aligned((label, text)))

    def busy(self, what: str) -> None:
        if self.step == self.plan.training.steps:  # when the steps are over, say what goes on
            say(aligned(("then", what)))

    def stopping(self, signal: str) -> None:
        say_from_handler(aligned((WORDS.get(signal, signal), STOPPING)))

    def ended(self, outcome: Outcome) -> None:
        say("")
        for line in outcome_lines(outcome, self.plan):
            say(aligned(line))

    def _stepped(self, event: Stepped) -> None:
        self.step = event.step
        self.meter.add(event)
        now = perf_counter()
        total = self.plan.training.steps
        due = event.step in (self.first, total) or event.step % self.every == 0
        if not due and now - self.last_line < LONGEST:
            return
        self.last_line = now
        loss, pace = self.meter.read()
        width = len(f"{total:,}")
        say(
            f"{'step':<{LABEL}}{event.step:>{width},}/{total:,}  loss {loss:.4f}  "
            f"lr {event.lr:.2e}  {pace:,.0f} tok/s  eta {duration(self.meter.left(event.step))}"
        )


def round_interval(steps: int, lines: int) -> int:
    """The least of 1, 2, 5, 10, 20, … steps that makes no more than so many lines."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if steps <= lines * digit * power:
                return digit * power
        power *= 10

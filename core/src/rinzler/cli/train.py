"""`rinzler-train`: prepare a run, drive it, tell everyone who listens, and end it well.

The library's `train` yields events; here they are handed on, and between two of them somebody may
have asked to stop. However a run ends, its last completed step is saved before the command leaves,
except where a second request, or an error, says that there is no time or no point.
Leaves out: going on from a checkpoint. Read next: `generate.py`.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from time import perf_counter

from rinzler.cli import rundir
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.commands import TrainRequest
from rinzler.cli.invocation import Invocation
from rinzler.cli.lines import Outcome
from rinzler.cli.plan import Plan, prepare, settings
from rinzler.cli.records import JsonLines, MetricsFile, PluginEvents, SamplesFile
from rinzler.cli.report import Listener, PlainReporter
from rinzler.cli.signals import Interrupted, StopRequest
from rinzler.cli.streams import EXIT_BROKEN_PIPE, Results, say_if_slow
from rinzler.errors import EXIT_OK, OutOfMemoryError
from rinzler.events import Evaluated, Event, Saved, Stepped
from rinzler.plugins import RunInfo, emit
from rinzler.train import save, train

WAITING = "reading the text; collecting a corpus for the first time can take a while"
RECENT = 50  # steps whose mean is the training loss at the end


def run(request: TrainRequest) -> int:
    """Train as asked; returns the exit code. Raises RinzlerError."""
    with nullcontext() if request.quiet else say_if_slow(WAITING):
        trainer, plan = prepare(request)
    config = settings(plan, request, Invocation.of_this_process())
    rundir.write_settings(plan.folder, config)
    return Run(request, trainer, plan).drive(RunInfo(plan.folder, config, request.options))


class Run:
    """One run under way: who listens, and what has to be known at its end."""

    def __init__(self, request: TrainRequest, trainer: AttendedTrainer, plan: Plan) -> None:
        self.trainer = trainer
        self.plan = plan
        self.quiet = request.quiet
        self.results = Results()
        self.listeners = _listeners(request, plan.folder, self.results)
        self.losses: deque[float] = deque(maxlen=RECENT)
        self.seconds = 0.0  # inside steps
        self.evaluated: Evaluated | None = None
        self.saved: Saved | None = None

    def drive(self, info: RunInfo) -> int:
        """To the last step, or to where somebody stops it."""
        self.listeners.append(PluginEvents(info, self.trainer.steps))
        error: BaseException | None = None
        try:
            return self._drive()
        except BaseException as caught:
            error = caught
            path = self.saved.path if self.saved else None
            error.add_note(f"the last checkpoint is {path}" if path else "no checkpoint was saved")
            if isinstance(caught, OutOfMemoryError) and self.plan.training.batch_size > 1:
                error.add_note(f"in less memory: {self._smaller()}")
            raise
        finally:
            for listener in self.listeners:
                listener.close()
            emit("rinzler_train_end", run=info, error=error)

    def _smaller(self) -> str:
        """The command with half of the batch and twice the forward passes in each update."""
        training = self.plan.training
        half = training.batch_size // 2
        changes = {"batch_size": str(half), "accumulate": str(2 * training.accumulate)}
        return Invocation.of_this_process().again(**changes, run_dir=None)

    def _drive(self) -> int:
        for listener in self.listeners:
            listener.started(self.plan)
        begun = perf_counter()
        with StopRequest(self._stopping) as stop:
            self._train(stop)
            if self.saved is None or self.saved.step != self.trainer.steps:
                self._happened(save(self.trainer, self.plan.folder))
        outcome = self._outcome(perf_counter() - begun, stop.name)
        for listener in self.listeners:
            listener.ended(outcome)
        if self.quiet and outcome.checkpoint:
            self.results.write(f"{outcome.checkpoint}\n")
        return stop.exit_code if stop.name else EXIT_OK

    def _train(self, stop: StopRequest) -> None:
        """Until the end, or until somebody asks to stop."""

        @contextmanager
        def attend(what: str) -> Iterator[None]:
            for listener in self.listeners:
                listener.busy(what)
            with stop.anywhere():
                yield

        self.trainer.attend = attend
        with suppress(Interrupted):
            for event in train(self.trainer, self.plan.folder):
                self._happened(event)
                if self.results.broken and not stop.name:
                    stop.request("stdout was closed", EXIT_BROKEN_PIPE)
                if stop.name:
                    return

    def _happened(self, event: Event) -> None:
        if isinstance(event, Stepped):
            self.losses.append(event.loss)
            self.seconds += self.plan.tokens_per_step / event.tokens_per_second
        elif isinstance(event, Evaluated):
            self.evaluated = event
        elif isinstance(event, Saved):
            self.saved = event
        for listener in self.listeners:
            listener.happened(event)

    def _stopping(self, signal: str) -> None:
        for listener in self.listeners:
            listener.stopping(signal)

    def _outcome(self, seconds: float, stopped_by: str) -> Outcome:
        steps = self.trainer.steps
        pace = steps * self.plan.tokens_per_step / self.seconds if self.seconds else 0.0
        return Outcome(
            steps=steps,
            seconds=seconds,
            tokens_per_second=pace,
            train_loss=sum(self.losses) / len(self.losses) if self.losses else None,
            evaluated=self.evaluated,
            checkpoint=self.saved.path if self.saved else None,
            stopped_by=stopped_by,
            invocation=Invocation.of_this_process(),
        )


def _listeners(request: TrainRequest, folder: Path, results: Results) -> list[Listener]:
    """Who hears of the run, the person first."""
    listeners: list[Listener] = []
    if not request.quiet:
        listeners.append(_reporter(request, results))
    if request.json:
        listeners.append(JsonLines(results.write))
    return [*listeners, MetricsFile(folder / rundir.METRICS), SamplesFile(folder / rundir.SAMPLES)]


def _reporter(request: TrainRequest, results: Results) -> Listener:
    if request.json:
        return PlainReporter(None)  # stdout belongs to the JSON lines
    if request.plain or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return PlainReporter(results)
    from rinzler.cli.live import LiveReporter

    return LiveReporter(None if sys.stdout.isatty() else results)

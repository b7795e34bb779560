"""`rinzler-train`: prepare a run, drive it, tell everyone who listens, and end it well.

The library's `train` yields events; here they are handed on, and between two of them somebody may
have asked to stop. However a run ends, its last completed step is saved before the command leaves,
except where a second request, or an error, says that there is no time or no point.
Leaves out: what a run begins with (`plan.py`) or goes on from (`resume.py`).
Read next: `generate.py`.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from rinzler.cli import resume, rundir
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.fitting import batch_that_fits
from rinzler.cli.invocation import Invocation
from rinzler.cli.lines import Outcome
from rinzler.cli.lock import LOCK, owned
from rinzler.cli.plan import Plan, prepare, settings
from rinzler.cli.planning import show_plan
from rinzler.cli.records import JsonLines, MetricsFile, PluginEvents, SamplesFile
from rinzler.cli.report import Listener, PlainReporter
from rinzler.cli.request import TrainRequest
from rinzler.cli.rewind import Record
from rinzler.cli.signals import Interrupted, StopRequest
from rinzler.cli.streams import EXIT_BROKEN_PIPE, Results, say, say_if_slow
from rinzler.cli.verify import verify_resume
from rinzler.errors import (
    EXIT_GUARD,
    EXIT_OK,
    BackendError,
    NumericsError,
    OutOfMemoryError,
    RinzlerError,
)
from rinzler.events import Evaluated, Event, Saved, Stepped
from rinzler.plugins import RunInfo, emit, other_backends
from rinzler.train import save, train
from rinzler.trainer import RECENT

WAITING = "opening the backend, reading the text, learning its tokens; the first time takes longest"


def run(request: TrainRequest) -> int:
    """Train as asked; returns the exit code. Raises RinzlerError."""
    if request.verify_resume:
        return verify_resume(request)
    with ExitStack() as held:
        with nullcontext() if request.quiet else say_if_slow(WAITING):
            if request.plan:
                return show_plan(request, held)
            ready = _go_on(request, held) if request.resume else _begin(request, held)
        info = RunInfo(ready.plan.folder, ready.config, ready.options)
        return Run(request, ready).drive(info)


@dataclass(frozen=True, eq=False)
class Ready:
    """A run whose folder is in order and belongs to this process."""

    trainer: AttendedTrainer
    plan: Plan
    config: dict[str, Any]
    options: Mapping[str, Any]  # of plugins
    before: list[Record] = field(default_factory=list)  # what metrics.jsonl holds already


def _begin(request: TrainRequest, held: ExitStack) -> Ready:
    trainer, plan = prepare(request)
    held.enter_context(owned(plan.folder))
    rundir.check_free(plan.folder, LOCK)  # another run may have had it since, and be over
    config = settings(plan, request, Invocation.of_this_process())
    rundir.write_settings(plan.folder, config)
    return Ready(trainer, plan, config, request.options)


def _go_on(request: TrainRequest, held: ExitStack) -> Ready:
    ready = resume.prepare(request, held)
    for note in () if request.quiet else ready.plan.notes:
        say(f"note: {note}")
    return Ready(ready.trainer, ready.plan, ready.config, ready.options, ready.begin())


class Run:
    """One run under way: who listens, and what has to be known at its end."""

    def __init__(self, request: TrainRequest, ready: Ready) -> None:
        self.trainer = ready.trainer
        self.plan = ready.plan
        self.before = ready.before
        self.texts = ready.config["corpus"]["texts"]  # as typed when the run began
        self.quiet = request.quiet
        self.results = Results()
        self.listeners = _listeners(request, self.plan.folder, self.results)
        self.losses = deque(self.trainer.recent, maxlen=RECENT)
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
            self._explain(error)
            raise
        finally:
            for listener in self.listeners:
                listener.close()
            emit("rinzler_train_end", run=info, error=error)

    def _explain(self, error: BaseException) -> None:
        """What is left, and what to type next, as notes on the error."""
        path = self.saved.path if self.saved else self.plan.resumed
        error.add_note(f"the last checkpoint is {path}" if path else "no checkpoint was saved")
        if isinstance(error, OutOfMemoryError) and not path:
            self._explain_memory(error)
        if path and isinstance(error, NumericsError):
            error.add_note(f"to begin again from there, at a lower rate: {self._slower(path)}")
        # A guard would stop the run at the same place again.
        if path and getattr(error, "exit_code", None) != EXIT_GUARD:
            invocation = Invocation.of_this_process()
            error.add_note(f"to go on from there: {invocation.resume(self.plan.folder)}")
            others = other_backends(self.plan.backend) if isinstance(error, BackendError) else ()
            for name in others[:1]:
                words = ["--resume", str(self.plan.folder), "--backend", name]
                error.add_note(f"or on another backend: {invocation.other('train', words)}")

    def _slower(self, path: Path) -> str:
        """The command for a new run with the weights of `path` at a third of the rate."""
        training, invocation = self.plan.training, Invocation.of_this_process()
        lr = f"{max(training.lr / 3, training.min_lr):.1g}"
        if self.plan.resumed:
            return invocation.other("train", [*self.texts, "--init", str(path), "--lr", lr])
        return invocation.again(init=str(path), lr=lr, run_dir=None)

    def _explain_memory(self, error: OutOfMemoryError) -> None:
        """The command with the largest batch that fits, and more passes to an update instead."""
        training = self.plan.training
        if training.batch_size == 1:
            return
        if not self.quiet:
            say("looking for a batch that fits")
        try:
            size = batch_that_fits(self.trainer, error)
        except (RinzlerError, KeyboardInterrupt):
            return  # the error that is there says more
        if size is None:
            error.add_note("not even one sequence fits: lower --context, --d-model or --layers")
            return
        passes = training.accumulate * training.batch_size // size
        changes = {"batch_size": str(size), "accumulate": str(passes)}
        again = Invocation.of_this_process().again(**changes, run_dir=None)
        error.add_note(f"in less memory: {again}")

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
            owed = resume.owed(self.trainer, self.before) if self.plan.resumed else ()
            for event in chain(owed, train(self.trainer, self.plan.folder)):
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
        steps = self.trainer.steps - self.plan.done  # of this process
        pace = steps * self.plan.tokens_per_step / self.seconds if self.seconds else 0.0
        return Outcome(
            steps=self.trainer.steps,
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

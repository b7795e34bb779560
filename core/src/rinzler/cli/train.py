"""`rinzler-train`: prepare a run, drive it, tell everyone who listens, and end it well.

The library's `train` yields events; here they are handed on, and between two of them somebody may
have asked to stop. However a run ends, its last completed step is saved before the command leaves,
except where a second request, or an error, says that there is no time or no point.
Leaves out: going on from a checkpoint. Read next: `generate.py`.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from rinzler.cli import rundir
from rinzler.cli.commands import TrainRequest
from rinzler.cli.lines import Outcome
from rinzler.cli.plan import Plan, prepare, settings
from rinzler.cli.records import JsonLines, MetricsFile, PluginEvents, SamplesFile
from rinzler.cli.report import Listener, PlainReporter
from rinzler.cli.signals import StopRequest
from rinzler.cli.streams import EXIT_BROKEN_PIPE, Results, say
from rinzler.errors import EXIT_OK, NumericsError
from rinzler.plugins import RunInfo, emit
from rinzler.train import Evaluated, Event, Saved, Stepped, Trainer, save, train

RECENT = 50  # steps whose mean is the training loss at the end


def run(request: TrainRequest) -> int:
    """Train as asked; returns the exit code. Raises RinzlerError."""
    trainer, plan = prepare(request)
    config = settings(plan, request, sys.argv)
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    (plan.folder / rundir.CONFIG).write_text(text, encoding="utf-8")
    return Run(request, trainer, plan).drive(RunInfo(plan.folder, config))


class Run:
    """One run under way: who listens, and what has to be known at its end."""

    def __init__(self, request: TrainRequest, trainer: Trainer, plan: Plan) -> None:
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
        self.listeners.append(PluginEvents(info))
        error: BaseException | None = None
        try:
            return self._drive()
        except BaseException as caught:
            error = caught
            raise
        finally:
            for listener in self.listeners:
                listener.close()
            emit("rinzler_train_end", run=info, error=error)
            if error is not None and self.saved:
                say(f"the last checkpoint is {self.saved.path}")

    def _drive(self) -> int:
        for listener in self.listeners:
            listener.started(self.plan)
        begun = perf_counter()
        with StopRequest(self._stopping) as stop:
            for event in train(self.trainer, self.plan.folder):
                self._happened(event)
                if self.results.broken and not stop.name:
                    stop.request("stdout was closed", EXIT_BROKEN_PIPE)
                if stop.name:
                    break
            if self.saved is None or self.saved.step != self.trainer.steps:
                self._happened(save(self.trainer, self.plan.folder))
        outcome = self._outcome(perf_counter() - begun, stop.name)
        for listener in self.listeners:
            listener.ended(outcome)
        if self.quiet and outcome.checkpoint:
            self.results.write(f"{outcome.checkpoint}\n")
        return stop.exit_code if stop.name else EXIT_OK

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
            **_invocation(sys.argv),
        )

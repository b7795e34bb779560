"""A run for programs: JSON lines, the samples in a file, and the events that plugins hear.

One object per line, in the order of events. Keys, besides "event":

    start       corpus{name documents bytes val_bytes gzip_bits_per_byte} tokenizer{…} model{…}
                parameters training{…} backend{name reason device numerics notes}
                tokens_per_step run
    resume      the same, and step
    step        step loss lr grad_norm tokens_per_second
    validation  step val_loss val_bpb tokens final
    sample      step text
    checkpoint  step path bytes
    not_saved   step path reason                        the run goes on
    spike       step grad_norm usual   after the step with an unusual gradient
    divergence  step gap train_loss val_loss critical kind beside   gap in percent
    end         steps seconds tokens_per_second val_loss val_bpb checkpoint stopped_by

That a step was captured is no line: it changes none of the others. Losses are in nats per token,
val_bpb is in bits per byte; `model` and `training` have the fields of
`config.py`. The same lines go to stdout with --json and, always, to metrics.jsonl in the run's
folder. docs/runs.md explains each key.
Read next: `train.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rinzler.cli.eventlines import sample_text
from rinzler.cli.lines import Outcome
from rinzler.cli.plan import Plan, backend_record
from rinzler.cli.report import Listener
from rinzler.cli.rundir import RunFile
from rinzler.cli.words import visible
from rinzler.events import Diverging, Evaluated, Event, NotSaved, Sampled, Saved, Stepped
from rinzler.plugins import RunInfo, emit


def plan_record(plan: Plan) -> dict[str, Any]:
    """What will happen."""
    corpus = asdict(plan.corpus)
    wanted = ("documents", "bytes", "val_bytes", "gzip_bits_per_byte")
    resumed = {"step": plan.done} if plan.resumed else {}
    return resumed | {
        "corpus": {"name": plan.corpus_name} | {key: corpus[key] for key in wanted},
        "tokenizer": plan.vocabulary.to_json() | {"bytes_per_token": plan.bytes_per_token},
        "model": plan.model.to_json(),
        "parameters": plan.model.parameters,
        "training": plan.training.to_json(),
        "backend": backend_record(plan) | {"notes": list(plan.backend.notes)},
        "tokens_per_step": plan.tokens_per_step,
    }


def step_facts(event: Stepped) -> dict[str, Any]:
    """A step in numbers."""
    return {name: value for name, value in asdict(event).items() if name != "spike"}


class JsonLines(Listener):
    """One JSON object per event, to whoever takes a line."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self.write = write

    def started(self, plan: Plan) -> None:
        self.plan = plan
        event = "resume" if plan.resumed else "start"
        self._line(event, **plan_record(plan), run=str(plan.folder))

    def happened(self, event: Event) -> None:
        if isinstance(event, Stepped):
            self._line("step", **step_facts(event))
            if event.spike:
                self._line("spike", step=event.step, **asdict(event.spike))
        elif isinstance(event, Evaluated):
            bits = self.plan.bits_per_byte(event.loss)
            self._line(
                "validation",
                step=event.step,
                val_loss=event.loss,
                val_bpb=bits,
                tokens=event.tokens,
                final=event.final,
            )
        elif isinstance(event, Sampled):
            self._line("sample", **asdict(event))
        elif isinstance(event, Diverging):
            self._line("divergence", **asdict(event))
        elif isinstance(event, Saved):
            self._line("checkpoint", step=event.step, path=str(event.path), bytes=event.nbytes)
        elif isinstance(event, NotSaved):
            self._line("not_saved", **asdict(event) | {"path": str(event.path)})

    def ended(self, outcome: Outcome) -> None:
        last = outcome.evaluated
        self._line(
            "end",
            steps=outcome.steps,
            seconds=outcome.seconds,
            tokens_per_second=outcome.tokens_per_second,
            val_loss=last.loss if last else None,
            val_bpb=self.plan.bits_per_byte(last.loss) if last else None,
            checkpoint=str(outcome.checkpoint) if outcome.checkpoint else None,
            stopped_by=outcome.stopped_by or None,
        )

    def _line(self, event: str, **facts: Any) -> None:
        self.write(json.dumps({"event": event, **facts}, allow_nan=False) + "\n")


class MetricsFile(JsonLines):
    """The same in a file that can be read while the run goes on."""

    def __init__(self, path: Path) -> None:
        self.file = RunFile(path)
        super().__init__(self.file.append)

    def happened(self, event: Event) -> None:
        super().happened(event)
        if isinstance(event, Saved):  # a run that goes on from there needs the lines before it
            self.file.sync()


class SamplesFile(Listener):
    """What the model wrote, for reading later."""

    def __init__(self, path: Path) -> None:
        self.file = RunFile(path)

    def happened(self, event: Event) -> None:
        if isinstance(event, Sampled):
            self.file.append(visible(sample_text(event.step, event.text)))


class PluginEvents(Listener):
    """What plugins hear of a run. Its end is told by `train.py`: an error is one too."""

    def __init__(self, run: RunInfo, steps: int) -> None:
        self.run = run
        self.steps = steps  # done before this process

    def started(self, plan: Plan) -> None:
        self.plan = plan
        emit("rinzler_train_start", run=self.run, step=self.steps)

    def happened(self, event: Event) -> None:
        if isinstance(event, Stepped):
            emit("rinzler_step_end", run=self.run, **step_facts(event))
        elif isinstance(event, Evaluated):
            bits = self.plan.bits_per_byte(event.loss)
            metrics = {"val_loss": event.loss, "val_bpb": bits}
            emit("rinzler_eval_end", run=self.run, step=event.step, metrics=metrics)
        elif isinstance(event, Saved):
            emit("rinzler_checkpoint_saved", run=self.run, path=event.path)

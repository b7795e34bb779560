"""What `--backend auto` takes for a model: what was measured before what is guessed.

    a plugin's answer (rinzler_select_backend) > rinzler-autotune's measurement > highest priority

A measurement counts for the same shape of model on the same machine with the same versions. One
that is out of date is named and not obeyed. With it come its device, its threads and what it set in
the environment; the batch is the run's own, for another batch is another training.

To generate with a model and to evaluate it are other work than to train it, and nobody has measured
them; what was fastest in training is a better guess than a priority (`docs/autotune.md`).
Read next: `plan.py`.
"""

from __future__ import annotations

import os
from dataclasses import replace

from rinzler import __version__
from rinzler.autotune import Workload, recall
from rinzler.autotune.store import Record
from rinzler.checkpoint import Checkpoint
from rinzler.config import TrainConfig
from rinzler.errors import BackendError, ConfigError
from rinzler.plugins import Choice, choose_backend, first_answer, plugins, ready_backends
from rinzler.restore import shape_of

AGAIN = "Measure again: rinzler-autotune"


def preferred(workload: Workload) -> Choice:
    """The backend for a run that names none. Raises BackendError if nothing works."""
    answered = _of_a_plugin(workload)
    if answered is not None:
        return answered
    found = recall(workload, versions(), __version__)
    if found is None:
        return choose_backend()
    record = found.record
    name = record["backend"]
    when = record["when"][:10]
    if found.stale:
        reasons = "; ".join(found.stale)
        return _noting(choose_backend(), f"{name} was fastest on {when}, but {reasons}. {AGAIN}")
    try:
        choice = _opened(record)
    except BackendError as error:
        return _noting(choose_backend(), f"{name} was fastest on {when}, but: {error}")
    device = choice.device.backend.caps.device_text
    if device != record["device"]:
        note = f"{name} was measured on {record['device']} and runs on {device}. {AGAIN}"
        return _noting(choice, note)
    return choice


def trained_as(saved: Checkpoint) -> Workload | None:
    """The training that a checkpoint comes from; None where it does not say."""
    try:
        training = TrainConfig.from_json(saved.meta["training"])
        return Workload(shape_of(saved), training, str(saved.meta["dtype"]))
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError):
        return None


def versions() -> dict[str, str]:
    """The distribution and version of each backend that can be used, by its name."""
    return {
        report.name: f"{report.distribution} {report.version}"
        for report in plugins().reports("described")
        if report.kind == "backend" and report.state in ("ready", "open")
    }


def _of_a_plugin(workload: Workload) -> Choice | None:
    facts = workload.to_json()
    answer = first_answer("rinzler_select_backend", names=ready_backends(), workload=facts)
    if answer is None:
        return None
    plugin, name = answer
    choice = choose_backend(str(name))
    return replace(choice, reason=f"auto: plugin {plugin} says so")


def _opened(record: Record) -> Choice:
    """The backend of a row, set up as it was measured. Raises BackendError."""
    for variable, value in record["tunables"].items():
        os.environ.setdefault(variable, value)
    choice = choose_backend(record["backend"])
    if record["threads"] is not None:
        choice.device.backend.set_threads(record["threads"])
    pace = f"{record['tokens_per_second']:,.0f} tok/s"
    when = record["when"][:10]
    reason = f"auto: fastest of what rinzler-autotune measured on {when}, {pace}"
    return replace(choice, reason=reason, measured=when)


def _noting(choice: Choice, note: str) -> Choice:
    return replace(choice, notes=(*choice.notes, " ".join(note.split())))

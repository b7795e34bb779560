"""`--resume`: go on with a run, in its folder, to the same bits as if it had never stopped.

Weights, moments and tokenizer come from the checkpoint; the texts, and how to train, from the run's
config.json. The texts are read again, and must be the same ones. What may change are the length of
the run, how often something is reported or saved, and what computes.
Everything is checked before anything is touched; `begin` then brings the folder back to the step
of the checkpoint (`rewind.py`).
Read next: `train.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rinzler.autotune import Workload
from rinzler.cli import rundir
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.continuity import (
    check_flags,
    check_steps,
    check_texts,
    notes_on_numerics,
    options_of,
    trained_before,
    training_of,
)
from rinzler.cli.corpus import gather_again
from rinzler.cli.extras import plain
from rinzler.cli.found import Found, check_own, find_checkpoint, folder_of
from rinzler.cli.invocation import Invocation
from rinzler.cli.lock import owned
from rinzler.cli.needs import needs_of
from rinzler.cli.plan import (
    Plan,
    backend_record,
    choose,
    fingerprints,
    in_ids,
    opening,
    versions,
)
from rinzler.cli.replan import notes_on_rate
from rinzler.cli.request import TrainRequest
from rinzler.cli.rewind import Record, rewind
from rinzler.cli.vocabulary import Vocabulary
from rinzler.config import TrainConfig
from rinzler.data import corpus_summary
from rinzler.events import Event
from rinzler.gpt import GPT
from rinzler.restore import described
from rinzler.train import validate


@dataclass(frozen=True, eq=False)
class Resumed:
    """A run that is ready to go on."""

    trainer: AttendedTrainer
    plan: Plan
    config: dict[str, Any]  # what config.json will say from now on
    options: dict[str, Any]  # of plugins

    def begin(self) -> list[Record]:
        """Bring the folder back to the step of the checkpoint; returns what metrics.jsonl keeps."""
        records = rewind(self.plan.folder, self.plan.done)
        # The checkpoint of a step is written before the step's own validation.
        for loss in _validated(records, self.plan.done):
            self.trainer.judge(self.plan.done, loss)
        rundir.write_settings(self.plan.folder, self.config)
        return records


def prepare(request: TrainRequest, held: ExitStack) -> Resumed:
    """The run of `request.resume`, which belongs to this process while `held` is open.

    Raises RinzlerError with nothing changed.
    """
    check_flags(request)
    check_own(str(request.resume))
    folder = folder_of(str(request.resume))
    config = rundir.read_settings(folder)
    held.enter_context(owned(folder))
    found = find_checkpoint(str(request.resume), request.strict)
    check_steps(request, config, found)
    training = training_of(request, config, found)
    return _assemble(request, found, training, config)


def _assemble(
    request: TrainRequest, found: Found, training: TrainConfig, config: dict[str, Any]
) -> Resumed:
    shape, tokenizer, dtype = described(found.saved)
    corpus = config["corpus"]
    choice = choose(request, Workload(shape, training, dtype))
    documents = gather_again(corpus["texts"], Path(corpus["directory"]), found.folder)
    prints = fingerprints(documents)
    check_texts(found.folder, [(name, digest) for name, digest in corpus["sha256"]], prints)
    vocabulary = Vocabulary(tokenizer, f"of {found.path.name}")
    data, _ = in_ids(documents, corpus["val_fraction"], lambda texts: vocabulary)
    model = GPT(shape, seed=training.seed, device=choice.device, dtype=dtype)
    trainer = AttendedTrainer(model, tokenizer, data, training, request.capture)
    trainer.restore(found.saved)
    before = trained_before(config, found.folder)
    plan = Plan(
        corpus_name=corpus["name"],
        corpus=corpus_summary(documents, data),
        documents=prints,
        opening=opening(data.val_text),
        vocabulary=vocabulary,
        model=shape,
        training=training,
        backend=choice,
        device_text=choice.device.backend.caps.device_text,
        numerics=trainer.numerics,
        folder=found.folder,
        resumed=found.path,
        done=found.step,
        notes=(
            *notes_on_rate(request, before, training, found.step),
            *notes_on_numerics(config, found, trainer.numerics),
        ),
        needs=needs_of(trainer, found.folder, request.capture),
    )
    options = options_of(request, config)
    return Resumed(trainer, plan, _continued(config, plan, options), options)


def owed(trainer: AttendedTrainer, before: Sequence[Record]) -> Iterator[Event]:
    """What came due with the checkpoint and was cut off before it was written down."""
    config, step = trainer.config, trainer.steps
    seen = {record.get("event") for record in before if record.get("step") == step}
    if config.eval_every and step % config.eval_every == 0 and "validation" not in seen:
        yield from validate(trainer, None)
    if config.gen_every and step % config.gen_every == 0 and "sample" not in seen:
        yield trainer.sample()


def _validated(records: Sequence[Record], step: int) -> Iterator[float]:
    """The losses of validations at a step, without those over all of the text."""
    for record in records:
        loss = record.get("val_loss")
        here = record.get("event") == "validation" and record.get("step") == step
        if here and not record.get("final") and isinstance(loss, float):
            yield loss


def _continued(config: dict[str, Any], plan: Plan, options: dict[str, Any]) -> dict[str, Any]:
    """config.json with what has changed, and a record of this resume."""
    entry = {
        "step": plan.done,
        "command": Invocation.of_this_process().again(),
        "backend": backend_record(plan),
        "versions": versions(plan.backend.device.backend.name),
    }
    return config | {
        "training": plan.training.to_json(),
        "options": plain(options),
        "backend": backend_record(plan),
        "resumed": [*config.get("resumed", []), entry],
    }

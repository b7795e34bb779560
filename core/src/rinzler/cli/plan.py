"""What will happen, before it happens: the text, the model, the backend and the work ahead.

Everything that can be wrong with a request is found here, cheapest first, and the run's folder is
made last: a request that fails leaves nothing behind.
Leaves out: how a plan is shown (`lines.py`). Read next: `train.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

from rinzler.autotune import Workload
from rinzler.cli import rundir
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.corpus import Documents, gather
from rinzler.cli.device import chosen
from rinzler.cli.extras import plain
from rinzler.cli.init import begin_with
from rinzler.cli.invocation import Invocation
from rinzler.cli.needs import Needs, check_fits, needs_of
from rinzler.cli.request import TrainRequest
from rinzler.cli.vocabulary import Vocabulary, check_merges, learn
from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import CorpusSummary, Split, corpus_summary, encoded, hold_back
from rinzler.errors import ConfigError, DataError
from rinzler.gpt import GPT
from rinzler.plugins import Choice

Fingerprint = tuple[str, str]  # ("notes.md", SHA-256 of its text)


@dataclass(frozen=True)
class Plan:
    """The facts of a run that do not change while it runs."""

    corpus_name: str
    corpus: CorpusSummary
    documents: list[Fingerprint]
    opening: str  # the first words of the validation text: something to prompt the model with
    vocabulary: Vocabulary
    model: GPTConfig
    training: TrainConfig
    backend: Choice
    device_text: str
    numerics: Mapping[str, str]  # what its bits depend on
    folder: Path
    resumed: Path | None = None  # the checkpoint that the run goes on from
    done: int = 0  # steps that were taken before
    notes: tuple[str, ...] = ()  # what will not be as it was, said before anything else
    preset: str = ""  # "laptop: --d-model 192 …"
    needs: Needs | None = None  # memory and disk

    @property
    def tokens_per_step(self) -> int:
        return self.training.batch_size * self.training.accumulate * self.model.context

    @property
    def tokens(self) -> int:
        """All that the run will read."""
        return self.training.steps * self.tokens_per_step

    @property
    def bytes_per_token(self) -> float:
        return self.corpus.bytes / (self.corpus.train_tokens + self.corpus.val_tokens)

    @property
    def passes(self) -> float:
        """How often the training text goes by, on average."""
        return self.tokens / self.corpus.train_tokens

    def bits_per_byte(self, nats: float) -> float:
        """A loss per token as bits per byte of text: what no tokenizer can flatter."""
        return nats / log(2) * self.corpus.val_tokens / self.corpus.val_bytes

    @property
    def start_bits_per_byte(self) -> float:
        """What guessing evenly costs: ln V nats per token."""
        return self.bits_per_byte(self.model.initial_loss)


def prepare(request: TrainRequest) -> tuple[AttendedTrainer, Plan]:
    """A new run that is ready to take its first step. Raises RinzlerError."""
    if not 0 < request.val_fraction < 1:
        raise ConfigError(f"val_fraction is {request.val_fraction}, expected more than 0 and < 1")
    check_merges(request.merges)
    request.model.complete(1)  # width and heads, before a long text is read
    weights = begin_with(request) if request.init else None
    if request.run_dir is not None:
        rundir.check_free(Path(request.run_dir))
    sketch = weights.shape if weights else request.model.complete(1)  # all but the vocabulary
    choice = choose(request, Workload(sketch, request.training))
    name, documents = gather(request.names)

    def vocabulary_of(texts: list[str]) -> Vocabulary:
        return weights.vocabulary if weights else learn(texts, request.merges)

    data, vocabulary = in_ids(documents, request.val_fraction, vocabulary_of)
    tokenizer = vocabulary.tokenizer
    shape = weights.shape if weights else request.model.complete(tokenizer.vocab_size)
    _check_length(data, shape.context, vocabulary)
    dtype = weights.dtype if weights else "float32"
    check_fits(shape, request.training, dtype)
    model = GPT(shape, seed=request.training.seed, device=choice.device, dtype=dtype)
    if weights:
        model.load(weights.values)
    trainer = AttendedTrainer(model, tokenizer, data, request.training, request.capture)
    folder = _folder(request, name)
    plan = Plan(
        corpus_name=name,
        corpus=corpus_summary(documents, data),
        documents=fingerprints(documents),
        opening=opening(data.val_text),
        vocabulary=vocabulary,
        model=shape,
        training=request.training,
        backend=choice,
        device_text=choice.device.backend.caps.device_text,
        numerics=trainer.numerics,
        folder=folder,
        preset=request.preset,
        needs=needs_of(trainer, folder, request.capture),
    )
    return trainer, plan


def _folder(request: TrainRequest, name: str) -> Path:
    """The run's own folder, made; for `--plan` only where it would be."""
    if request.plan:
        return Path(request.run_dir or rundir.RUNS)
    return rundir.make(Path(request.run_dir)) if request.run_dir else rundir.next_free(name)


def choose(request: TrainRequest, workload: Workload) -> Choice:
    """The backend that was asked for, or that suits the work. Raises ConfigError, BackendError."""
    return chosen(request.backend, request.device, request.threads, workload)


def in_ids(
    documents: Documents, val_fraction: float, vocabulary_of: Callable[[list[str]], Vocabulary]
) -> tuple[Split, Vocabulary]:
    """The text in two parts, and the tokenizer that the first of them led to. Raises DataError."""
    train, val = hold_back(documents, val_fraction)
    vocabulary = vocabulary_of(train)
    data = encoded(train, val, vocabulary.tokenizer)
    if len(data.val) < 2:
        raise DataError(
            f"the validation text has {len(data.val)} tokens, expected at least 2. "
            f"Add text, or hold back more: --val-fraction {min(0.5, 2 * val_fraction):g}"
        )
    return data, vocabulary


def _check_length(data: Split, context: int, vocabulary: Vocabulary) -> None:
    """Raises DataError where a short text is too short only because its tokens are long.

    In any other case `Batches` knows best what to say.
    """
    count = len(data.train)
    if count > context or vocabulary.merges == 0:
        return
    mend = f"lower the context to {count - 1} or less, " if count > 1 else ""
    raise DataError(
        f"the training text has {count} tokens with {vocabulary.merges} merges, and one example "
        f"needs {context + 1} (context {context} + 1). Add text, {mend}or take shorter tokens: "
        "--vocab-size 0"
    )


def settings(plan: Plan, request: TrainRequest, invocation: Invocation) -> dict[str, Any]:
    """config.json: all that would be needed to run the same again, and what it ran on."""
    return {
        "command": invocation.again(),
        "corpus": {
            "name": plan.corpus_name,
            "texts": list(request.names),
            "directory": str(Path.cwd()),  # which relative names in `texts` start from
            "documents": plan.corpus.documents,
            "bytes": plan.corpus.bytes,
            "sha256": [list(each) for each in plan.documents],
            "val_fraction": request.val_fraction,
        },
        "init": request.init,
        "tokenizer": plan.vocabulary.to_json(),
        "model": plan.model.to_json(),
        "training": plan.training.to_json(),
        "options": plain(request.options),
        "backend": backend_record(plan),
        "versions": versions(plan.backend.device.backend.name),
    }


def backend_record(plan: Plan) -> dict[str, Any]:
    """The backend, for programs."""
    choice = plan.backend
    return {
        "name": choice.name,
        "reason": choice.reason,
        "device": plan.device_text,
        "numerics": dict(plan.numerics),
    }


def versions(backend: str) -> dict[str, str]:
    import platform

    import numpy as np

    from rinzler import __version__
    from rinzler.plugins import plugins

    found = [
        report
        for report in plugins().reports("found")  # more would ask every other backend's driver
        if report.kind == "backend" and report.state == "open" and report.name == backend
    ]
    versions = {
        "rinzler": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
    }
    return versions | {report.distribution: report.version for report in found}


def fingerprints(documents: Documents) -> list[Fingerprint]:
    """A name and the SHA-256 of the text, for each document, in order."""
    return [
        (Path(name).name, hashlib.sha256(text.encode("utf-8")).hexdigest())
        for name, text in documents
    ]


def opening(text: str) -> str:
    """A few whole words from the beginning of a line, of a sentence if there is one."""
    lines = [line.strip() for line in text.splitlines() if len(line.strip()) > 3] or ["The "]
    line = next((line for line in lines if line[0].isupper()), lines[0])
    words = line[:24].split(" ")
    whole = words[:-1] if len(line) > 24 and words[1:] else words
    return " ".join(whole)

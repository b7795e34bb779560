"""What will happen, before it happens: the text, the model, the backend and the work ahead.

Everything that can be wrong with a request is found here, cheapest first, and the run's folder is
made last: a request that fails leaves nothing behind.
Leaves out: how a plan is shown (`lines.py`). Read next: `train.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import log, prod
from pathlib import Path
from typing import Any

from rinzler.cli import rundir
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.commands import TrainRequest
from rinzler.cli.corpus import Documents, gather
from rinzler.cli.extras import plain
from rinzler.cli.invocation import Invocation
from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, CorpusSummary, corpus_summary, split
from rinzler.errors import ConfigError, DataError
from rinzler.gpt import GPT
from rinzler.plugins import Choice, choose_backend


@dataclass(frozen=True)
class Plan:
    """The facts of a run that do not change while it runs."""

    corpus_name: str
    corpus: CorpusSummary
    digest: str  # SHA-256 of the documents' text
    opening: str  # the first words of the validation text: something to prompt the model with
    model: GPTConfig
    parameters: int
    training: TrainConfig
    backend: Choice
    folder: Path

    @property
    def tokens_per_step(self) -> int:
        return self.training.batch_size * self.training.accumulate * self.model.context

    @property
    def tokens(self) -> int:
        """All that the run will read."""
        return self.training.steps * self.tokens_per_step

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
    """A run that is ready to take its first step. Raises RinzlerError."""
    if not 0 < request.val_fraction < 1:
        raise ConfigError(f"val_fraction is {request.val_fraction}, expected more than 0 and < 1")
    tokenizer = ByteTokenizer()
    shape = request.model.complete(tokenizer.vocab_size)
    if request.run_dir is not None:
        rundir.check_free(Path(request.run_dir))
    choice = choose_backend(request.backend)
    name, documents = gather(request.names)
    data = split(documents, request.val_fraction, tokenizer)
    if len(data.val) < 2:
        raise DataError(
            f"the validation text has {len(data.val)} tokens, expected at least 2. "
            f"Add text, or hold back more: --val-fraction {min(0.5, 2 * request.val_fraction):g}"
        )
    model = GPT(shape, seed=request.training.seed, device=choice.device)
    trainer = AttendedTrainer(model, tokenizer, data, request.training)
    named = request.run_dir
    plan = Plan(
        corpus_name=name,
        corpus=corpus_summary(documents, data),
        digest=_digest(documents),
        opening=_opening(data.val_text),
        model=shape,
        parameters=sum(prod(p.shape) for p in model.parameters().values()),
        training=request.training,
        backend=choice,
        folder=rundir.next_free(name) if named is None else rundir.make(Path(named)),
    )
    return trainer, plan


def settings(plan: Plan, request: TrainRequest, invocation: Invocation) -> dict[str, Any]:
    """config.json: all that would be needed to run the same again, and what it ran on."""
    return {
        "command": invocation.again(),
        "corpus": {
            "name": plan.corpus_name,
            "texts": list(request.names),
            "documents": plan.corpus.documents,
            "bytes": plan.corpus.bytes,
            "sha256": plan.digest,
            "val_fraction": request.val_fraction,
        },
        "model": plan.model.to_json(),
        "training": plan.training.to_json(),
        "options": plain(request.options),
        "backend": {"name": plan.backend.name, "reason": plan.backend.reason},
        "versions": _versions(plan.backend.name),
    }


def _versions(backend: str) -> dict[str, str]:
    import platform

    import numpy as np

    from rinzler import __version__
    from rinzler.plugins import plugins

    found = [
        report
        for report in plugins().reports("described")
        if report.kind == "backend" and report.state == "open" and report.name == backend
    ]
    versions = {
        "rinzler": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
    }
    return versions | {report.distribution: report.version for report in found}


def _digest(documents: Documents) -> str:
    digest = hashlib.sha256()
    for name, text in documents:
        digest.update(f"{Path(name).name}\0{text}\0".encode())
    return digest.hexdigest()


def _opening(text: str) -> str:
    """A few whole words from the beginning of a line, of a sentence if there is one."""
    lines = [line.strip() for line in text.splitlines() if len(line.strip()) > 3] or ["The "]
    line = next((line for line in lines if line[0].isupper()), lines[0])
    words = line[:24].split(" ")
    whole = words[:-1] if len(line) > 24 and words[1:] else words
    return " ".join(whole)

"""`rinzler eval`: how well a model predicts a text that it has not seen, on stdout.

The whole text goes by once. Nats per token depend on the tokenizer; bits per byte do not, so two
models, or a model and gzip, can be compared by them.
Leaves out: whether the model has seen the text after all. Read next: `generate.py`.
"""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Sequence
from math import log

from rinzler.cli import rundir
from rinzler.cli.corpus import gather
from rinzler.cli.device import chosen_for, name_of
from rinzler.cli.found import find_checkpoint
from rinzler.cli.invocation import quoted
from rinzler.cli.streams import say
from rinzler.cli.words import plural, size, tokens
from rinzler.data import encoded, gzip_bits_per_byte
from rinzler.errors import EXIT_OK, ConfigError, DataError
from rinzler.restore import load_model
from rinzler.validation import mean_loss

BATCH = 8  # windows at a time; it changes nothing but the pace


def evaluate_text(
    run: str | None,
    names: Sequence[str],
    backend: str,
    device: int | None,
    threads: int | None,
    json: bool,
    verbose: bool,
) -> int:
    """Print the loss of a run's newest checkpoint on some texts. Raises RinzlerError."""
    if run is None or not names:
        newest = run or rundir.newest_run() or "runs/NAME-001"
        raise ConfigError(
            f"name a run and a text: {quoted('rinzler', 'eval', newest, 'unseen.txt')}"
        )
    found = find_checkpoint(run)
    name, documents = gather(names)
    choice = chosen_for(found.saved, backend, device, threads, verbose)
    model, tokenizer = load_model(found.saved, choice.device)
    data = encoded([], [text for _, text in documents], tokenizer)
    if len(data.val) < 2:
        raise DataError(
            f"{name} has {plural(len(data.val), 'token')}, expected at least 2. Add text"
        )
    nbytes = len(data.val_text.encode("utf-8"))
    loss, count = mean_loss(model, data.val, BATCH)
    facts = {
        "checkpoint": str(found.path),
        "step": found.step,
        "loss": loss,
        "bpb": loss / log(2) * len(data.val) / nbytes,
        "gzip_bpb": gzip_bits_per_byte(data.val_text),
        "documents": len(documents),
        "bytes": nbytes,
        "tokens": count,
    }
    if json:
        sys.stdout.write(json_module.dumps(facts, allow_nan=False) + "\n")
        return EXIT_OK
    say(f"{found.path} · step {found.step:,} · {name_of(choice)}")
    sys.stdout.write(
        f"loss {loss:.4f} nats per token · {facts['bpb']:.4f} bits per byte "
        f"(gzip {facts['gzip_bpb']:.4f}) · {tokens(count)}, {size(nbytes)}\n"
    )
    return EXIT_OK

"""`rinzler-generate`: a checkpoint goes on with a prompt, on stdout, as the text comes.

The prompt is written first, so that stdout holds the whole text. On a terminal, control characters
become visible; into a file or a pipe the text goes as it is.
Leaves out: every way of sampling but temperature. Read next: `listing.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rinzler import checkpoint
from rinzler.checkpoint import Checkpoint
from rinzler.cli import rundir
from rinzler.cli.streams import say
from rinzler.cli.words import visible
from rinzler.errors import EXIT_OK, CheckpointError, ConfigError
from rinzler.generate import generate
from rinzler.plugins import choose_backend
from rinzler.train import load_model

START = "\n"  # what goes before the first word, where no prompt is given


def write(
    run: str | None, prompt: str, tokens: int, temperature: float, seed: int, backend: str
) -> int:
    """Write text from a run's newest checkpoint. Raises RinzlerError."""
    if tokens < 1:
        raise ConfigError(f"tokens is {tokens}, expected a whole number of at least 1")
    if not temperature >= 0:
        raise ConfigError(f"temperature is {temperature}, expected 0 or more")
    if seed < 0:
        raise ConfigError(f"seed is {seed}, expected a whole number of at least 0")
    path, saved = _read(run)
    choice = choose_backend(backend)
    for note in choice.notes:
        say(note)
    model, tokenizer = load_model(saved, choice.device)
    say(f"{path} · step {saved.meta['step']:,} · {choice.name}")
    shown = visible if sys.stdout.isatty() else str
    sys.stdout.write(shown(prompt))
    for piece in generate(model, tokenizer, prompt or START, tokens, temperature, seed):
        sys.stdout.write(shown(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")
    return EXIT_OK


def _read(run: str | None) -> tuple[Path, Checkpoint]:
    """The checkpoint that a run, or a file, stands for."""
    if run is None:
        newest = rundir.newest_run()
        hint = f"rinzler-generate {newest}" if newest else "rinzler-train makes one"
        raise ConfigError(f"name a run's folder or a checkpoint: {hint}")
    path = Path(run)
    if path.is_dir():
        path, skipped = checkpoint.newest(path)
        for line in skipped:
            say(line)
    elif not path.exists():
        newest = rundir.newest_run()
        hint = f" The newest here: {newest}" if newest else " Train one first: rinzler-train"
        raise CheckpointError(f"there is no run or checkpoint {path}.{hint}")
    return path, checkpoint.load(path)

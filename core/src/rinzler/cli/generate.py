"""`rinzler-generate`: a checkpoint goes on with a prompt, on stdout, as the text comes.

The prompt is written first, so that stdout holds the whole text. On a terminal, control characters
become visible; into a file or a pipe the text goes as it is.
Leaves out: every way of sampling but temperature. Read next: `listing.py`.
"""

from __future__ import annotations

import sys

from rinzler.cli import rundir
from rinzler.cli.found import find_checkpoint
from rinzler.cli.streams import say
from rinzler.cli.words import visible
from rinzler.errors import EXIT_OK, ConfigError
from rinzler.generate import generate
from rinzler.plugins import choose_backend
from rinzler.restore import load_model

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
    if run is None:
        newest = rundir.newest_run()
        hint = f"rinzler-generate {newest}" if newest else "rinzler-train makes one"
        raise ConfigError(f"name a run's folder or a checkpoint: {hint}")
    found = find_checkpoint(run)
    choice = choose_backend(backend)
    for note in choice.notes:
        say(note)
    model, tokenizer = load_model(found.saved, choice.device)
    say(f"{found.path} · step {found.step:,} · {choice.name}")
    shown = visible if sys.stdout.isatty() else str
    sys.stdout.write(shown(prompt))
    for piece in generate(model, tokenizer, prompt or START, tokens, temperature, seed):
        sys.stdout.write(shown(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")
    return EXIT_OK

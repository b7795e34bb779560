"""`rinzler warmup`: what a backend would do at its first use, done now.

A backend that compiles keeps the result on disk (`Backend.warmup`), so one call on an image, or
after an upgrade, makes every later start quick. Progress goes to stderr, a line each.
Read next: `main.py`.
"""

from __future__ import annotations

from time import perf_counter

from rinzler.cli.streams import say
from rinzler.cli.words import plural
from rinzler.errors import EXIT_OK, BackendError, RinzlerError
from rinzler.plugins import choose_backend
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code

NOTICEABLE = 0.05  # seconds: what takes less was most likely there, and needs no line


def warm_up(name: str) -> int:
    """Let a backend prepare. Raises BackendError where it cannot."""
    choice = choose_backend(name)
    for note in choice.notes:
        say(note)
    say(f"backend    {choice.name} · {choice.device.backend.caps.device_text} ({choice.reason})")
    start = perf_counter()
    steps = choice.device.backend.warmup()
    for index, (step, call) in enumerate(steps.items(), 1):
        begun = perf_counter()
        try:
            with plugin_code():
                call()
        except RinzlerError:
            raise
        except PLUGIN_ERRORS as error:
            raise BackendError(
                f'backend "{choice.name}": preparing {step} raised {one_line(error)}. '
                f"See: rinzler backends -v {choice.device.backend.name}"
            ) from error
        seconds = perf_counter() - begun
        if seconds >= NOTICEABLE:
            say(f"{index:>4}/{len(steps)}  {step:<32} {seconds:5.2f} s")
    if not steps:
        say(f"done       {choice.name} has nothing to prepare")
        return EXIT_OK
    say(f"done       {plural(len(steps), 'part')} · {perf_counter() - start:.1f} s")
    return EXIT_OK

"""What a command computes on: a backend, one of its devices, so many threads.

Leaves out: how a backend is found (`rinzler.plugins`). Read next: `plan.py`.
"""

from __future__ import annotations

import os

from rinzler.autotune import Workload
from rinzler.checkpoint import Checkpoint
from rinzler.cli.preferring import preferred, trained_as
from rinzler.cli.streams import say
from rinzler.errors import ConfigError
from rinzler.plugins import choose_backend
from rinzler.plugins.records import AUTO
from rinzler.plugins.select import VARIABLE, Choice


def chosen(
    backend: str, device: int | None, threads: int | None, workload: Workload | None = None
) -> Choice:
    """The backend as it was asked for; for "auto", with a workload, what is fastest at that.

    Raises ConfigError, BackendError.
    """
    if device is not None and device < 0:
        raise ConfigError(f"device is {device}, expected a whole number of at least 0")
    if threads is not None and threads < 1:
        raise ConfigError(f"threads is {threads}, expected a whole number of at least 1")
    open_choice = backend == AUTO and device is None and not os.environ.get(VARIABLE)
    measured = workload if open_choice else None
    choice = preferred(measured) if measured else choose_backend(backend, device)
    if threads is not None:
        choice.device.backend.set_threads(threads)
    return choice


def chosen_for(
    saved: Checkpoint, backend: str, device: int | None, threads: int | None, verbose: bool
) -> Choice:
    """The same for a model that is there, by a command that is typed often.

    "auto" is what trained it fastest; only `verbose` tells what was passed over.
    """
    choice = chosen(backend, device, threads, trained_as(saved))
    for note in choice.notes if verbose else ():
        say(note)
    return choice


def name_of(choice: Choice) -> str:
    """The backend in the one line that such a command says of itself."""
    if not choice.measured:
        return choice.name
    return f"{choice.name} (auto: fastest in training, measured on {choice.measured})"

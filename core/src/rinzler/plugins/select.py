"""Which backend computes: what the library takes, and what `auto` takes for the command line.

The library computes where it is told: what `use` chose, else RINZLER_BACKEND, else "numpy".
Installing a package never changes the numbers of existing code. The command line may ask for
`auto`, the highest priority among the backends that are ready; it always says which and why.

Leaves out: measuring which backend is fastest. Read next: `events.py`.
"""

from __future__ import annotations

import os
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rinzler.errors import BackendError, ConfigError
from rinzler.plugins.records import AUTO, split_device

if TYPE_CHECKING:
    from rinzler.ops import Device
    from rinzler.plugins.model import Offer
    from rinzler.plugins.records import BackendInfo

VARIABLE = "RINZLER_BACKEND"
DEFAULT = "numpy"

# A plain use() outside any `with` holds for the process, every thread included. A `with use()`
# holds for its own block, in its own thread or task: that is what a context variable is.
_of_process: Device | None = None
_of_block: ContextVar[Device | None] = ContextVar("rinzler_device", default=None)


def open_device(name: str) -> Device:
    """The device of an installed backend, opened once: open_device("numpy").

    "NAME:1" is device 1 of a backend that has several (`list_devices`), and "DISTRIBUTION:NAME"
    tells two distributions apart that offer the same name.
    Raises BackendError, chained to what the plugin raised.
    """
    return _open(name, "")


def list_devices(name: str) -> list[str]:
    """The devices of an installed backend, a line of text for each, in the order of their numbers.

    None where a backend has no choice of them. Opens nothing. Raises BackendError.
    """
    from rinzler.plugins.manager import plugins

    return plugins().list_devices(name)


def _open(name: str, source: str) -> Device:
    from rinzler.plugins.manager import plugins

    if name == AUTO:
        raise BackendError(
            f'"{AUTO}" is a choice, not a backend: take choose_backend("{AUTO}").device, '
            f'or name one: open_device("{DEFAULT}")'
        )
    return plugins().open_backend(name, source)


def current_device() -> Device:
    """Where new tensors live: what `use` chose, else RINZLER_BACKEND, else numpy."""
    block = _of_block.get()
    chosen = _of_process if block is None else block
    if chosen is not None:
        return chosen
    named = os.environ.get(VARIABLE, "")
    return _open(named, VARIABLE) if named else _open(DEFAULT, "")


class Selection:
    """What `use` returns: already in force, and a context manager that ends it."""

    def __init__(self, device: Device) -> None:
        global _of_process  # noqa: PLW0603 - the default of the process is what it sets
        self.device = device
        self._process_before = _of_process
        self._token: Token[Device | None] | None = None
        if _of_block.get() is None:
            _of_process = device
        else:  # within a `with use(...)`: ends with that block
            self._token = _of_block.set(device)

    def __enter__(self) -> Device:
        global _of_process  # noqa: PLW0603
        if self._token is not None:
            _of_block.reset(self._token)
        elif _of_process is self.device:  # a `with` does not change the process: take it back
            _of_process = self._process_before
        self._token = _of_block.set(self.device)
        return self.device

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            _of_block.reset(self._token)
            self._token = None

    def __repr__(self) -> str:
        return f"<using {self.device.name}>"


def use(which: str | Device) -> Selection:
    """Compute on this backend from now on, or within `with use("numpy"):`.

    As a plain call it holds for the process, or inside a `with use(...)` until that block ends.
    As a context manager it holds for the block and puts back what was before.
    Raises BackendError if the backend cannot be opened.
    """
    from rinzler.ops import Device

    if isinstance(which, str):
        return Selection(open_device(which))
    if isinstance(which, Device):
        return Selection(which)
    got = type(which).__name__
    raise BackendError(f'use() got {got}, expected a backend name or a Device: use("{DEFAULT}")')


@dataclass(frozen=True)
class Choice:
    """An open backend, why it was taken, and one line per plugin that was passed over."""

    name: str
    device: Device
    reason: str  # "auto: highest priority of numba, numpy"
    notes: tuple[str, ...] = ()
    measured: str = ""  # the day on which a measurement found it the fastest


def choose_backend(request: str | None = None, number: int | None = None) -> Choice:
    """The backend for a command: a name, or "auto" or None for the best that works here.

    A name that is asked for, in `request` or in RINZLER_BACKEND, is taken or raises BackendError.
    `auto` passes over what does not work and says so in `notes`; BackendError if nothing works.
    `number` chooses among the devices of a backend that is named; ConfigError where none is.
    """
    source = "" if request not in (None, AUTO) else VARIABLE
    named = os.environ.get(VARIABLE, "") if source else request
    if named in (None, "", AUTO):
        if number is not None:
            raise ConfigError(f"device {number} of which backend? Name it: --backend NAME")
        return _choose_best()
    why = f"{VARIABLE}={named}" if source else f'"{named}" was asked for'
    if number is None:
        return Choice(named, _open(named, source), why)
    if split_device(named)[1] not in (None, number):
        raise ConfigError(f'device {number} and "{named}" are two devices; name one of them')
    full = f"{split_device(named)[0]}:{number}"
    return Choice(full, _open(full, source), f"{why}, device {number}")


def other_backends(choice: Choice) -> list[str]:
    """What else `auto` could have taken, the best first."""
    own = choice.device.backend.name
    return [name for name in ready_backends() if name != own]


def ready_backends() -> list[str]:
    """What `auto` may take, the highest priority first."""
    from rinzler.plugins.manager import plugins

    known = plugins()
    known.check_strict()
    known.describe()
    ready = [offer for offer in known.offers("backend") if _is_ready(offer)]
    ready = [offer for offer in ready if not known.clash(offer)]
    ready.sort(key=lambda offer: (-offer.info.priority, offer.info.name))
    return [offer.info.name for offer in ready]


def _choose_best() -> Choice:
    from rinzler.plugins.manager import plugins

    known = plugins()
    names = ready_backends()
    for index, name in enumerate(names):
        try:
            device = known.open_backend(name)
        except BackendError:
            continue  # its reason is in the notes
        reason = f"auto: highest priority of {', '.join(names[index:])}"
        return Choice(name, device, reason, _notes())
    notes = _notes()
    raise BackendError("\n".join((f"no backend works here. pip install rinzler-{DEFAULT}", *notes)))


def _is_ready(offer: Offer[BackendInfo]) -> bool:
    return offer.status.state in ("ready", "open")


def _notes() -> tuple[str, ...]:
    """One line for each plugin that cannot be used, blocked ones aside: those were asked for."""
    from rinzler.plugins.manager import plugins

    return tuple(
        f"passed over {report.name} ({report.distribution}): {report.state}: {report.reason}. "
        f"{report.mend or f'See: rinzler backends -v {report.name}'}"
        for report in plugins().reports("described")
        if report.kind in ("backend", "plugin") and report.state not in ("ready", "open", "blocked")
    )

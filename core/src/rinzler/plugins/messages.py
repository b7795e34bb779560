"""What to say when a backend, a corpus or a tokenizer that was asked for cannot be had.

One function per way to fail. Each names what was asked for, what is wrong with it, what there is
instead and the command to type next; the error behind it, where there is one, is chained.

Leaves out: failures of opening (`opening.py`). Read next: `manager.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from rinzler.errors import BackendError, DataError, RinzlerError
from rinzler.plugins.model import Offer, Plugin
from rinzler.plugins.records import BackendInfo, is_backend_name

ERRORS: dict[str, type[RinzlerError]] = {
    "backend": BackendError,
    "corpus": DataError,
    "tokenizer": DataError,
}


def not_installed(
    kind: str, name: str, source: str, installed: Sequence[str], broken: Sequence[Plugin]
) -> RinzlerError:
    """Nobody offers the name. `broken` plugins are named too: one of them may be the one."""
    there = f"installed: {', '.join(installed) or 'none'}"
    if broken:
        there += f"; broken: {', '.join(plugin.name for plugin in broken)}, see: rinzler backends"
    if kind == "tokenizer" and source:  # a program wrote the name: no slip of a finger
        hint = "Install the plugin that it was trained with, or: pip install --upgrade rinzler"
    else:
        hint = _hint(kind, name, installed)
    return ERRORS[kind](f"{_asked(kind, name, source)} is not installed. {hint} ({there})")


def _hint(kind: str, name: str, installed: Sequence[str]) -> str:
    plain = name.lower().removeprefix("rinzler-").removeprefix("rinzler_")
    near = difflib.get_close_matches(plain, installed, n=1)
    if near:
        return f'Did you mean "{near[0]}"?'
    if kind == "backend" and is_backend_name(name):
        return f"pip install rinzler-{name.replace('_', '-')}"  # the convention for names
    return "rinzler backends lists every plugin"


def plugin_unusable(kind: str, name: str, source: str, plugin: Plugin) -> RinzlerError:
    """The plugin that has the name by convention is broken or blocked."""
    status = plugin.status
    error = ERRORS[kind](
        f"{_asked(kind, name, source)} cannot be used: its plugin ({plugin}) is {status.state}: "
        f"{status.reason}. {_mend(status.mend, status.state, plugin.name)}"
    )
    error.__cause__ = status.error
    return error


def offer_unusable(source: str, offer: Offer[BackendInfo]) -> RinzlerError:
    """The backend is on offer, but was written for something that is not here."""
    status, name = offer.status, offer.info.name
    error = BackendError(
        f"{_asked('backend', name, source)} ({offer.plugin}) is {status.state}: {status.reason}. "
        f"{_mend(status.mend, status.state, name)}"
    )
    error.__cause__ = status.error
    return error


def contested(kind: str, name: str, source: str, offers: Sequence[Offer[Any]]) -> RinzlerError:
    """Two distributions offer the name, and neither is taken on the user's behalf."""
    holders = " and ".join(sorted(str(offer.plugin) for offer in offers))
    full = " or ".join(sorted(f'"{offer.full_name}"' for offer in offers))
    mend = f"Ask for {full}, or uninstall one of them"
    if kind == "tokenizer" and source:  # nobody can ask for another name in a checkpoint
        out = min(offer.plugin.distribution for offer in offers)
        mend = f"Uninstall one of them, or keep one out: RINZLER_BLOCK={out}"
    return ERRORS[kind](f"{_asked(kind, name, source)} is offered by {holders}. {mend}")


def _asked(kind: str, name: str, source: str) -> str:
    return f'{kind} "{name}"' + (f" (from {source})" if source else "")


def _mend(mend: str, state: str, name: str) -> str:
    look = f"rinzler backends -v {name}"
    if state == "broken":
        return f"{mend}, or see the traceback: {look}"
    return f"Mend it: {mend}" if mend else f"See: {look}"

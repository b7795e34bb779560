"""`rinzler backends`: what became of each plugin in a process of its own, as `backends.py` has it.

Imports none of them: a listing must work where a plugin does not. A backend was opened there, for
a device that cannot be opened is not ready.
Read next: `backends.py`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rinzler.cli.backends import render_backends
from rinzler.cli.streams import PATIENCE, say_if_slow
from rinzler.errors import EXIT_OK
from rinzler.plugins import plugins
from rinzler.plugins.model import Plugin
from rinzler.plugins.probing import reports_of, verdicts
from rinzler.plugins.records import split_device
from rinzler.plugins.verdicts import Verdict

if TYPE_CHECKING:
    from rinzler.ops import Fact

WAITING = "trying each plugin in a process of its own; the verdicts are kept"


def list_backends(
    name: str | None = None, verbose: bool = False, json: bool = False, probe: bool = False
) -> int:
    """Print the listing; `name` may be a device, "vulkan:1". Raises BackendError."""
    number = None
    if name is not None:
        plain, number = split_device(name)
        if number is not None:
            plugins().open_backend(name)
            name = plain
    found = plugins().found
    with say_if_slow(WAITING, PATIENCE):
        tried = verdicts(found, again=probe, facts=verbose, number=number)
    reports = reports_of(tried, found)
    text = render_backends(
        reports,
        json=json,
        verbose=verbose,
        name=name,
        terminal=sys.stdout.isatty(),
        width=shutil.get_terminal_size().columns,
        facts=facts_by_plugin(tried) if verbose else None,
        certificates=certificates(tried),
    )
    sys.stdout.write(text)
    return EXIT_OK


def facts_by_plugin(tried: Mapping[Plugin, Verdict]) -> dict[tuple[str, str], list[Fact]]:
    """What each backend said of itself, by (distribution, name)."""
    from rinzler.ops import Fact

    return {
        (plugin.distribution, name): [Fact(**fact) for fact in facts]
        for plugin, verdict in tried.items()
        for name, facts in verdict.facts.items()
    }


def certificates(tried: Mapping[Plugin, Verdict]) -> dict[tuple[str, str], str]:
    """What the conformance kit said of each backend that opened; empty where it never ran."""
    from rinzler.conformance.certified import identity, said_of

    found = {}
    for plugin, verdict in tried.items():
        for name, device in verdict.devices.items():
            who = identity(plugin.distribution, plugin.version, name, device, verdict.protocol)
            found[plugin.distribution, name] = said_of(who, plugin.value)
    return found

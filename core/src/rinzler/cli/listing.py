"""`rinzler backends`: ask the plugins, and print what `backends.py` makes of it.

Opens every backend that says it is ready, for a device that cannot be opened is not ready.
Read next: `backends.py`.
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from rinzler.cli.backends import render_backends
from rinzler.errors import EXIT_OK
from rinzler.plugins.records import split_device

if TYPE_CHECKING:
    from rinzler.plugins import PluginReport


def list_backends(name: str | None, verbose: bool, json: bool) -> int:
    """Print the listing; `name` may be a device, "vulkan:1". Raises BackendError."""
    from rinzler.plugins import plugins

    number = None
    if name is not None:
        plain, number = split_device(name)
        if number is not None:
            plugins().open_backend(name)
            name = plain
    reports = plugins().reports()
    facts = {}
    if verbose:
        from rinzler.cli.facts import facts_of

        facts = {
            (each.distribution, each.name): facts_of(each, number)
            for each in reports
            if name in (None, each.name, each.distribution, f"{each.distribution}:{each.name}")
        }
    text = render_backends(
        reports,
        json=json,
        verbose=verbose,
        name=name,
        terminal=sys.stdout.isatty(),
        width=shutil.get_terminal_size().columns,
        facts=facts,
        certificates={
            (each.distribution, each.name): certificate_of(each)
            for each in reports
            if each.kind == "backend" and each.state == "open"
        },
    )
    sys.stdout.write(text)
    return EXIT_OK


def certificate_of(report: PluginReport) -> str:
    """What the conformance kit said of a backend that is open here; empty where it never ran."""
    from rinzler.conformance.certified import certificate, identity, summary
    from rinzler.plugins import open_device

    name = f"{report.distribution}:{report.name}"
    device = open_device(name).backend.caps.device_text
    found = certificate(identity(report.distribution, report.version, report.name, device))
    return summary(found) if found else ""

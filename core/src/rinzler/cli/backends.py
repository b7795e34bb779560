"""What `rinzler backends` prints: every plugin, its state, and why it is in it.

A pure function of the reports, so that it can be tested without a terminal or a plugin. Plain
columns where a program or a file reads, a table where a person does, JSON where asked.

Leaves out: collecting the reports (`rinzler.plugins.plugins().reports()`). Read next:
`rinzler/plugins/model.py`, which explains each state.
"""

from __future__ import annotations

import difflib
import json as json_module
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from rinzler.cli.facts import lines_of
from rinzler.cli.table import coloured, columns
from rinzler.errors import BackendError
from rinzler.plugins.model import PluginReport

if TYPE_CHECKING:
    from rinzler.ops import Fact

FactsByPlugin = Mapping[tuple[str, str], Sequence["Fact"]]
Certificates = Mapping[tuple[str, str], str]

COLUMNS = ("NAME", "KIND", "STATE", "VERSION", "DISTRIBUTION", "PRIORITY", "REASON")
COLOURS = {"ready": "green", "open": "green", "found": "default", "blocked": "yellow"}


def render_backends(
    reports: Sequence[PluginReport],
    *,
    json: bool = False,
    verbose: bool = False,
    name: str | None = None,
    terminal: bool = False,
    width: int = 100,
    facts: FactsByPlugin | None = None,
    certificates: Certificates | None = None,
) -> str:
    """The listing as text that ends with a newline.

    `name` keeps the lines of one backend, plugin or distribution; `verbose` adds the entry point
    and the traceback of each, and its `facts`, which are keyed by (distribution, name), as are the
    `certificates` of backends that have passed the conformance kit.
    `terminal` allows colour and wraps at `width` columns.
    Raises BackendError for a name that is not there.
    """
    if name is not None:
        reports = _named(reports, name)
    certificates = certificates or {}
    if json:
        entries = [_plain(report) for report in reports]
        for report, entry in zip(reports, entries, strict=True):
            entry["certified"] = certificates.get((report.distribution, report.name), "")
            if facts is not None and verbose:
                entry["facts"] = [asdict(fact) for fact in _facts(report, facts)]
        return json_module.dumps(entries, indent=2) + "\n"
    if not reports:
        return "no plugin is installed. pip install rinzler-numpy\n"
    rows = [
        _row(report, certificates.get((report.distribution, report.name), "")) for report in reports
    ]
    text = coloured(COLUMNS, rows, width, COLOURS) if terminal else columns(COLUMNS, rows)
    if verbose:
        text += "".join(_details(report, _facts(report, facts or {})) for report in reports)
    return text


def _named(reports: Sequence[PluginReport], name: str) -> list[PluginReport]:
    distribution, colon, short = name.rpartition(":")
    found = [
        report
        for report in reports
        if (colon and (report.distribution, report.name) == (distribution, short))
        or name in (report.name, report.distribution)
    ]
    if found:
        return found
    names = sorted({report.name for report in reports})
    near = difflib.get_close_matches(name, names, n=1)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    raise BackendError(
        f'no plugin is called "{name}". {hint}(installed: {", ".join(names) or "none"})'
    )


def _plain(report: PluginReport) -> dict[str, object]:
    """A report as JSON can hold it: the error itself stays here, its traceback goes along."""
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    del values["error"]
    return values


def _row(report: PluginReport, certificate: str) -> tuple[str, ...]:
    priority = "" if report.priority is None else str(report.priority)
    reason = f"{report.reason}. {report.mend}" if report.mend else report.reason
    return (
        report.name,
        report.kind,
        report.state,
        report.version,
        report.distribution,
        priority,
        " ".join(f"{reason or report.summary} {certificate and f'({certificate})'}".split()),
    )


def _facts(report: PluginReport, facts: FactsByPlugin) -> Sequence[Fact]:
    return facts.get((report.distribution, report.name), ())


def _details(report: PluginReport, facts: Sequence[Fact]) -> str:
    lines = [f"\n{report.name} ({report.kind}): {report.value}"]
    lines += ["  " + line for line in lines_of(facts)]
    if report.traceback:
        lines.append(report.traceback.rstrip())
    return "\n".join(lines) + "\n"

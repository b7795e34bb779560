"""What the backends that are open say of themselves: for `rinzler doctor` and `backends -v`.

A backend is a stranger's code: one that raises, or answers something else, is quoted and disturbs
no other. Read next: `doctor.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rinzler.ops import Fact
from rinzler.plugins import PluginReport, open_device
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code


def facts_of(report: PluginReport) -> list[Fact]:
    """The device and the facts of a backend; none where the report is of something not open."""
    if report.kind != "backend" or report.state != "open":
        return []
    try:
        backend = open_device(f"{report.distribution}:{report.name}").backend
        with plugin_code():
            told = [Fact("device", backend.caps.device_text), *backend.facts()]
        return [_checked(fact) for fact in told if fact.value]
    except PLUGIN_ERRORS as error:
        mend = f"pip install --upgrade {report.distribution}"
        return [Fact("facts", f"asking for them raised {one_line(error)}", mend)]


def lines_of(facts: Sequence[Fact]) -> list[str]:
    """One line for each, with the advice below: names in a column."""
    lines = []
    for fact in facts:
        lines.append(f"{fact.name:<10} {fact.value}")
        if fact.advice:
            lines.append(f"{'':<10} → {fact.advice}")
    return lines


def _checked(fact: Fact) -> Fact:
    """The fact on single lines."""
    return Fact(*(" ".join(str(text).split()) for text in (fact.name, fact.value, fact.advice)))

"""What backends say of themselves, and which devices they have: for `doctor` and `backends -v`.

A backend is a stranger's code: one that raises, or answers something else, is quoted and disturbs
no other. Devices are listed also of a backend that would take none of them by itself.
Read next: `doctor.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rinzler.errors import BackendError
from rinzler.ops import Fact
from rinzler.plugins import PluginReport, list_devices, open_device
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code


def facts_of(report: PluginReport, number: int | None = None) -> list[Fact]:
    """The devices and the facts of a backend; of one that is not open the devices alone.

    `number` asks for those of a certain device, which must be open.
    """
    if report.kind != "backend" or report.state not in ("open", "unavailable", "failed"):
        return []
    name = f"{report.distribution}:{report.name}"
    if report.state != "open":
        return _devices(name)
    try:
        backend = open_device(name if number is None else f"{name}:{number}").backend
        with plugin_code():
            told = [Fact("device", backend.caps.device_text), *_devices(name), *backend.facts()]
        return [_checked(fact) for fact in told if fact.value]
    except PLUGIN_ERRORS as error:
        mend = f"pip install --upgrade {report.distribution}"
        return [Fact("facts", f"asking for them raised {one_line(error)}", mend)]


def _devices(name: str) -> list[Fact]:
    """The devices that `--device` can name; none where they cannot be listed: its state says so."""
    try:
        lines = list_devices(name)
    except BackendError:
        return []
    return [Fact(f"device {number}", line) for number, line in enumerate(lines)]


def lines_of(facts: Sequence[Fact]) -> list[str]:
    """One line for each, with the advice below: names in a column."""
    lines = []
    width = max([10, *(len(fact.name) for fact in facts)])
    for fact in facts:
        lines.append(f"{fact.name:<{width}} {fact.value}")
        if fact.advice:
            lines.append(f"{'':<{width}} → {fact.advice}")
    return lines


def _checked(fact: Fact) -> Fact:
    """The fact on single lines."""
    name, value, advice = (
        " ".join(str(text).split()) for text in (fact.name, fact.value, fact.advice)
    )
    return Fact(name, value, advice, bool(fact.detail))

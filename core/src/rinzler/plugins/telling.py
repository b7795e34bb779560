"""What backends say of themselves, and which devices they have: for `doctor` and `backends -v`.

A backend is a stranger's code: one that raises, or answers something else, is quoted and disturbs
no other. Devices are listed also of a backend that would take none of them by itself.
Read next: `prober.py`, where this is asked.
"""

from __future__ import annotations

from rinzler.errors import BackendError
from rinzler.ops import Fact
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code
from rinzler.plugins.model import PluginReport
from rinzler.plugins.select import list_devices, open_device


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


def _checked(fact: Fact) -> Fact:
    """The fact on single lines."""
    name, value, advice = (
        " ".join(str(text).split()) for text in (fact.name, fact.value, fact.advice)
    )
    return Fact(name, value, advice, bool(fact.detail))

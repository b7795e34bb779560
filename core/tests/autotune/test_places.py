"""What is tried: backends and their devices, of what a listing has."""

from __future__ import annotations

import pytest

from rinzler.autotune import grid
from rinzler.autotune.grid import places
from rinzler.errors import BackendError
from rinzler.plugins import PluginReport

DEVICES = {"gpu": 2, "software": 1, "cpu": 0}


def report(name: str, state: str = "ready", kind: str = "backend") -> PluginReport:
    return PluginReport(name, kind, state, "", "", f"rinzler-{name}", "1.0", "", 0, "", "", None)


REPORTS = [
    *(report("gpu"), report("cpu"), report("software", "unavailable")),
    *(report("harmful", "broken", kind="plugin"), report("log", kind="events")),
]


@pytest.fixture(autouse=True)
def devices(monkeypatch):
    def listed(name: str) -> list[str]:
        distribution, _, short = name.partition(":")
        assert distribution == f"rinzler-{short}"
        if short not in DEVICES:
            raise BackendError(f"there is no backend {short!r}")
        return ["a device"] * DEVICES[short]

    monkeypatch.setattr(grid, "list_devices", listed)


@pytest.mark.parametrize(
    ("named", "number", "tried", "not_tried"),
    [
        (None, None, ["gpu:0", "gpu:1", "cpu"], ["software", "harmful"]),
        (None, 1, ["gpu:1", "cpu", "software:1"], ["harmful"]),  # there is none: it will say so
        (None, 0, ["gpu:0", "cpu", "software:0"], ["harmful"]),
        ("gpu", None, ["gpu:0", "gpu:1"], []),
        ("software", 0, ["software:0"], []),
        ("cpu", 3, ["cpu:3"], []),
        ("nobody", None, [], []),
    ],
)
def test_backends_and_devices(named, number, tried, not_tried):
    found = places(REPORTS, named, number)
    assert [each.name for each in found if not each.reason] == tried
    assert [each.name for each in found if each.reason] == not_tried
    assert {each.named for each in found} <= {named is not None}


def test_a_backend_that_cannot_list_its_devices_is_tried_as_it_is():
    (found,) = places([report("odd")], None, None)
    assert (found.name, found.reason, found.has_devices) == ("odd", "", False)

"""Protocol, requirements and probe: why a described backend cannot be used here."""

from __future__ import annotations

import sys

import pytest

from rinzler.errors import BackendError
from rinzler.ops import PROTOCOL
from rinzler.plugins import choose_backend

MAJOR, MINOR = PROTOCOL
OURS = f"{MAJOR}.{MINOR}"
PROBES = """
def fine(): return None
def no_device(): return "no device with more than 0 bytes"
def silent(): return ""
def raises(): raise OSError("libgpu.so.1: cannot open shared object file")
def exits(): raise SystemExit(1)
def number(): return 3
not_callable = 3
"""

# record fields, state, reason, mend
UNUSABLE = [
    (
        f"protocol=({MAJOR + 1}, 0)",
        "incompatible",
        f"rinzler-bad 1.0 speaks op protocol {MAJOR + 1}.0, rinzler-core {OURS}",
        "pip install --upgrade rinzler-core",
    ),
    (
        f"protocol=({MAJOR}, {MINOR + 1})",
        "incompatible",
        f"rinzler-bad 1.0 speaks op protocol {MAJOR}.{MINOR + 1}, rinzler-core {OURS}",
        "pip install --upgrade rinzler-core",
    ),
    (
        f"protocol=({MAJOR - 1}, 99)",
        "incompatible",
        f"rinzler-bad 1.0 speaks op protocol {MAJOR - 1}.99, rinzler-core {OURS}",
        "pip install --upgrade rinzler-bad",
    ),
    (
        "requires=('json', 'no_such_package')",
        "missing",
        "needs no_such_package, which is not installed",
        "pip install no_such_package",
    ),
    (
        "requires=('nope_a', 'nope_b.part'), install_hint='pip install nope'",
        "missing",
        "needs nope_a and nope_b.part, which are not installed",
        "pip install nope",
    ),
    (
        "probe='probes:no_device', install_hint='install a driver'",
        "unavailable",
        "no device with more than 0 bytes",
        "install a driver",
    ),
    ("probe='probes:silent'", "unavailable", "its probe says no", ""),
    (
        "probe='probes:raises'",
        "broken",
        "probe 'probes:raises' raised OSError: libgpu.so.1: cannot open shared object file",
        "pip install --upgrade rinzler-bad",
    ),
    (
        "probe='probes:exits'",
        "broken",
        "probe 'probes:exits' raised SystemExit: 1",
        "pip install --upgrade rinzler-bad",
    ),
    (
        "probe='probes:number'",
        "broken",
        "probe 'probes:number' returned 3, expected None or a reason",
        "pip install --upgrade rinzler-bad",
    ),
    (
        "probe='probes:absent'",
        "broken",
        "'probes:absent': probes has no attribute 'absent'",
        "pip install --upgrade rinzler-bad",
    ),
    (
        "probe='probes:not_callable'",
        "broken",
        "'probes:not_callable' is int, expected something callable",
        "pip install --upgrade rinzler-bad",
    ),
    (
        "probe='no_such_probes:f'",
        "broken",
        "probe 'no_such_probes:f' raised ModuleNotFoundError: No module named 'no_such_probes'",
        "pip install --upgrade rinzler-bad",
    ),
]


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable(site, backends, case):
    fields, state, reason, mend = case
    site.install_stranger()
    (site.path / "probes.py").write_text(PROBES, encoding="utf-8")
    site.install_plugin("bad", backends(f"'bad', 'heavy_module:f', priority=99, {fields}"))
    plugins = site.plugins()
    report = site.report("bad", depth="open")
    assert (report.state, report.reason, report.mend) == (state, reason, mend)
    assert (report.kind, report.priority) == ("backend", 99)

    with pytest.raises(BackendError) as caught:
        plugins.open_backend("bad")
    message = str(caught.value)
    assert message.startswith(f'backend "bad" (rinzler-bad 1.0) is {state}: {reason}. ')
    assert (mend or "rinzler backends -v bad") in message
    assert caught.value.__cause__ is report.error
    assert (state == "broken") == (report.error is not None)
    assert "heavy_module" not in sys.modules

    choice = choose_backend()
    assert (choice.name, choice.reason) == ("stranger", "auto: highest priority of stranger")
    assert choice.notes == (
        f"passed over bad (rinzler-bad): {state}: {reason}. "
        f"{mend or 'See: rinzler backends -v bad'}",
    )


@pytest.mark.parametrize(
    "fields",
    [
        f"protocol=({MAJOR}, {MINOR})",
        f"protocol=({MAJOR}, 0)",
        "requires=('json', 'xml.dom', 'numpy')",
        "probe='probes:fine'",
    ],
)
def test_usable(site, backends, fields):
    (site.path / "probes.py").write_text(PROBES, encoding="utf-8")
    site.install_plugin("fine", backends(f"'fine', 'heavy_module:f', {fields}"))
    site.plugins()
    assert site.report("fine").state == "ready"


def test_a_requirement_is_looked_for_without_importing_it(site, backends):
    (site.path / "slow_library.py").write_text("raise AssertionError\n", encoding="utf-8")
    site.install_plugin("fine", backends("'fine', 'm:f', requires=('slow_library',)"))
    site.plugins()
    assert site.report("fine").state == "ready"


def test_a_requirement_inside_a_broken_package_is_missing(site, backends):
    (site.path / "sick").mkdir()
    (site.path / "sick" / "__init__.py").write_text("raise OSError('sick')\n", encoding="utf-8")
    site.install_plugin("fine", backends("'fine', 'm:f', requires=('sick.part',)"))
    site.plugins()
    assert site.report("fine").state == "missing"

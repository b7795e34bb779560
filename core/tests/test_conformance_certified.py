"""Certificates: kept for complete runs that passed, of one version, device and protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rinzler.conformance import certified
from rinzler.conformance.certified import certificate, identity, keep, summary
from rinzler.conformance.tiers import NAMES


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates of tests are not those of the user."""
    monkeypatch.setattr(certified, "folder", lambda: tmp_path / "kept")


WHO = identity("rinzler-torch", "1.0", "torch", "a device", (1, 0))


def report(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "format": 1,
        "passed": True,
        "complete": True,
        "checks": 7035,
        "known": {},
        "when": "2026-09-12T10:00:00+00:00",
        "tiers": {name: {} for name in NAMES},
    }
    return WHO | values | fields


def test_a_complete_run_that_passed_is_kept() -> None:
    assert keep(WHO, report()) is not None
    found = certificate(WHO)
    assert found is not None
    assert summary(found) == "certified 2026-09-12: 8 tiers, 7,035 checks"
    known = {"known": {"a": "b"}}
    assert summary(report(**known)).endswith("7,035 checks, 1 known to fail")


@pytest.mark.parametrize(
    "other",
    [{"version": "1.1"}, {"device": "another"}, {"protocol": [1, 1]}, {"core": "0.2"}],
)
def test_a_certificate_is_of_one_version_device_and_protocol(other: dict[str, Any]) -> None:
    keep(WHO, report())
    assert certificate(WHO | other) is None


def test_a_run_that_failed_takes_the_certificate_away() -> None:
    path = keep(WHO, report())
    assert keep(WHO, report(complete=False)) is None
    assert certificate(WHO) is not None
    assert keep(WHO, report(passed=False)) is None
    assert certificate(WHO) is None
    assert path is not None
    assert not path.exists()


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"format": 2}', '{"format": 1}'])
def test_a_damaged_certificate_is_none(damage: str) -> None:
    path = keep(WHO, report())
    assert path is not None
    path.write_text(damage, encoding="utf-8")
    assert certificate(WHO) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file", encoding="utf-8")
    assert keep(WHO, report()) is None

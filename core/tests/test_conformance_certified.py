"""Certificates: kept for complete runs that passed, of one version, device, protocol and code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rinzler.conformance import certified
from rinzler.conformance.certified import FORMAT, certificate, identity, keep, said_of, summary
from rinzler.conformance.sources import Sources, sources_of
from rinzler.conformance.tiers import NAMES

ENTRY = "rinzler_torch.plugin:torch"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates of tests are not those of the user."""
    monkeypatch.setattr(certified, "folder", lambda: tmp_path / "kept")


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the package `rinzler_torch`, which nothing imports."""
    folder = tmp_path / "path" / "rinzler_torch"
    (folder / "shaders").mkdir(parents=True)
    raising = "raise RuntimeError('a look must not import it')\n"
    (folder / "__init__.py").write_text(raising, encoding="utf-8")
    (folder / "plugin.py").write_text("torch = 1\n", encoding="utf-8")
    (folder / "shaders" / "add.spv").write_bytes(b"1234")
    monkeypatch.syspath_prepend(folder.parent)
    return folder


WHO = identity("rinzler-torch", "1.0", "torch", "a device", (1, 0))


def report(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "format": FORMAT,
        "code": sources_of(ENTRY).digest(),
        "passed": True,
        "complete": True,
        "checks": 7035,
        "known": {},
        "when": "2026-09-12T10:00:00+00:00",
        "tiers": {name: {} for name in NAMES},
    }
    return WHO | values | fields


def test_a_complete_run_that_passed_is_kept() -> None:
    assert keep(WHO, report(), ENTRY) is not None
    found = certificate(WHO)
    assert found is not None
    assert summary(found) == "certified 2026-09-12: 9 tiers, 7,035 checks"
    known = {"known": {"a": "b"}}
    assert summary(report(**known)).endswith("7,035 checks, 1 known to fail")


@pytest.mark.parametrize(
    "other",
    [{"version": "1.1"}, {"device": "another"}, {"protocol": [1, 1]}, {"core": "0.2"}],
)
def test_a_certificate_is_of_one_version_device_and_protocol(other: dict[str, Any]) -> None:
    keep(WHO, report(), ENTRY)
    assert certificate(WHO | other) is None


def test_a_run_that_failed_takes_the_certificate_away() -> None:
    path = keep(WHO, report(), ENTRY)
    assert keep(WHO, report(complete=False), ENTRY) is None
    assert certificate(WHO) is not None
    assert keep(WHO, report(passed=False), ENTRY) is None
    assert certificate(WHO) is None
    assert path is not None
    assert not path.exists()


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"format": 2}', '{"format": 1}'])
def test_a_damaged_certificate_is_none(damage: str) -> None:
    path = keep(WHO, report(), ENTRY)
    assert path is not None
    path.write_text(damage, encoding="utf-8")
    assert certificate(WHO) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file", encoding="utf-8")
    assert keep(WHO, report(), ENTRY) is None


# --- the code that was checked ------------------------------------------------------------------

CERTIFIED = "certified 2026-09-12: 9 tiers, 7,035 checks"
STALE = "certified for other code: rinzler check torch"


def test_a_certificate_holds_for_the_code_that_was_checked(package: Path) -> None:
    assert said_of(WHO, ENTRY) == ""
    keep(WHO, report(), ENTRY)
    assert said_of(WHO, ENTRY) == CERTIFIED
    before = (package / "plugin.py").read_text(encoding="utf-8")
    (package / "plugin.py").write_text("torch = 2\n", encoding="utf-8")
    _set_time(package / "plugin.py", 1)
    assert said_of(WHO, ENTRY) == STALE
    (package / "plugin.py").write_text(before, encoding="utf-8")
    assert said_of(WHO, ENTRY) == CERTIFIED  # by its content: the time is another one


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "shaders" / "add.spv").write_bytes(b"12345"),
        lambda folder: (folder / "shaders" / "add.spv").unlink(),
        lambda folder: (folder / "more.py").touch(),
        lambda folder: (folder / "plugin.py").rename(folder / "plugins.py"),
    ],
    ids=["content", "gone", "new", "renamed"],
)
def test_any_file_of_the_package_counts(package: Path, change: Any) -> None:
    keep(WHO, report(), ENTRY)
    change(package)
    assert said_of(WHO, ENTRY) == STALE


def test_what_python_and_editors_leave_behind_does_not_count(package: Path) -> None:
    keep(WHO, report(), ENTRY)
    for name in (
        "__pycache__/plugin.cpython-313.pyc",
        ".ruff_cache/x",
        "plugin.py~",
        ".plugin.swp",
    ):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).touch()
    assert said_of(WHO, ENTRY) == CERTIFIED


def test_files_are_read_only_where_sizes_or_times_differ(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    digest = Sources.digest
    keep(WHO, report(), ENTRY)
    monkeypatch.setattr(Sources, "digest", lambda self: (read.append(1), digest(self))[1])
    assert said_of(WHO, ENTRY) == CERTIFIED
    assert read == []
    _set_time(package / "plugin.py", 1)
    for _ in range(3):
        assert said_of(WHO, ENTRY) == CERTIFIED
    assert read == [1]  # then the new times are kept


def test_code_that_changed_while_it_was_checked_is_not_certified(package: Path) -> None:
    found = report()
    (package / "new.py").touch()
    assert keep(WHO, found, ENTRY) is None
    assert certificate(WHO) is None


def test_the_files_of_modules_and_of_what_has_none(package: Path) -> None:
    assert list(sources_of(ENTRY).files) == ["__init__.py", "plugin.py", "shaders/add.spv"]
    (package.parent / "alone.py").touch()
    assert list(sources_of("alone").files) == ["alone.py"]
    for nothing in ("no_such_module.plugin", "", "sys"):
        assert sources_of(nothing).files == {}
    assert Sources({}).digest() == ""
    gone = Sources({"gone.py": package / "gone.py"})
    assert gone.stats() == {}
    assert gone.digest() not in ("", sources_of("alone").digest())


def _set_time(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))

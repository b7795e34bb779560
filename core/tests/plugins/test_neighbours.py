"""The tier `plugin` of the conformance kit, on bad neighbours of many kinds, and on a good one."""

from __future__ import annotations

import sys

import pytest

from rinzler.conformance.check import outcome_of
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import checks

GOOD = "summary='for tests', install_hint='pip install it'"


@pytest.fixture
def told(site, backends):
    """What the tier says of a plugin: failures by the name of the check."""

    def ask(source: str = "", record: str = GOOD, needs: str = "rinzler-core", **names: str):
        name = names.get("name", "stranger")
        site.install_stranger(name)
        light = site.path / f"rinzler_{name}_plugin.py"
        offered = backends(f"{name!r}, 'strange_{name}.backend:Backend', {record}")
        light.write_text(
            f"from rinzler.plugins import BackendInfo, hookimpl\n{source}\n{offered}",
            encoding="utf-8",
        )
        (info,) = site.path.glob("*.dist-info")
        with (info / "METADATA").open("a", encoding="utf-8") as metadata:
            metadata.write(f"Requires-Dist: {needs}\n" if needs else "")
        site.plugins()
        subject = Subject.installed(name)
        return {
            check.short: " ".join(outcome_of(check, subject).failures)
            for check in checks(["plugin"], 0)
        }

    return ask


def failures(told: dict[str, str]) -> list[str]:
    return [name for name, line in told.items() if line]


def test_a_good_neighbour(told) -> None:
    found = told()
    assert failures(found) == [], found
    assert len(found) == 6


def test_a_light_module_that_imports_what_is_heavy(told, site) -> None:
    (site.path / "heavy_library.py").touch()
    found = told("import heavy_library")
    assert failures(found) == ["light_module_is_light"]
    assert found["light_module_is_light"] == (
        "importing rinzler_stranger_plugin imports heavy_library: "
        "move that into the factory's module"
    )


def test_a_light_module_that_prints(told) -> None:
    found = told("print('welcome')")
    assert failures(found) == ["light_module_is_silent"]
    assert found["light_module_is_silent"].endswith("prints 'welcome'")


def test_metadata_that_says_too_little(told) -> None:
    found = told(record="probe='gc:enable'", needs="")
    assert failures(found) == ["metadata_is_complete"]
    for words in ("summary is empty", "install_hint is empty", "does not depend on rinzler-core"):
        assert words in found["metadata_is_complete"]


def test_a_requirement_that_is_imported_too_early(told, site) -> None:
    """Without it the plugin breaks instead of saying what it needs."""
    (site.path / "heavy_library.py").touch()
    found = told("import heavy_library", f"{GOOD}, requires=('heavy_library',)")
    assert failures(found) == ["light_module_is_light", "names_what_is_missing"]
    assert "without heavy_library it is 'broken'" in found["names_what_is_missing"]


def test_a_requirement_that_is_named(told, site) -> None:
    (site.path / "heavy_library.py").touch()
    assert failures(told(record=f"{GOOD}, requires=('heavy_library',)")) == []


def test_a_backend_that_there_can_be_only_one_of(told, site) -> None:
    found = told()
    backend = site.path / "strange_stranger" / "backend.py"
    backend.write_text(
        backend.read_text(encoding="utf-8").replace(
            "class Backend(Protocol):",
            "class Backend(Protocol):\n"
            "    def __new__(cls):\n"
            "        assert not cls.__dict__.get('made'), 'the device is taken'\n"
            "        cls.made = True\n"
            "        return super().__new__(cls)\n",
        ),
        encoding="utf-8",
    )
    sys.modules.pop("strange_stranger.backend", None)
    site.plugins()
    subject = Subject.installed("stranger")
    (check,) = [each for each in checks(["plugin"], 0) if each.short == "opens_twice"]
    (line,) = outcome_of(check, subject).failures
    assert "raised AssertionError: the device is taken" in line
    assert failures(found) == []


def test_a_plugin_that_ends_the_process(told) -> None:
    found = told("import os, sys\nif sys.argv[1:2] and 'answer.json' in sys.argv[1]: os._exit(7)")
    assert "light_module_is_light" in failures(found)
    assert "ended with 7" in found["light_module_is_light"]


def test_a_plugin_that_another_module_drags_in(told, site) -> None:
    """A blocked plugin is not imported, by nobody: here by a .pth-like hook of its own."""
    (site.path / "sitecustomize.py").write_text("import rinzler_stranger_plugin\n", "utf-8")
    found = told()
    assert "can_be_blocked" in failures(found)
    assert "rinzler_stranger_plugin was imported" in found["can_be_blocked"]

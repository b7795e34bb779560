"""Stage 0: what metadata alone tells, what keeps a plugin out, and what importing costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rinzler.errors import BackendError

TRIPWIRE = "raise AssertionError('this module must not be imported')\n"


def test_import_brings_no_plugin_machinery():
    # importlib_metadata may be brought by a site hook; what counts is what *we* add.
    code = """
import numpy, sys
before = set(sys.modules)
import rinzler.plugins
from rinzler.plugins import BackendInfo, CorpusInfo, current_device, emit, open_device, use
new = set(sys.modules) - before
heavy = {"pluggy", "importlib.metadata", "importlib_metadata", "rich", "cyclopts", "safetensors"}
print(sorted(new & heavy), sorted(name for name in new if name.startswith("rinzler_")))
from rinzler.plugins import hookimpl
print("pluggy" in sys.modules, "importlib_metadata" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == ["[] []", "True False"]


def test_unknown_name_is_an_attribute_error():
    import rinzler.plugins

    with pytest.raises(AttributeError, match="has no attribute 'open_devise'"):
        rinzler.plugins.open_devise  # noqa: B018 - the access is the test


def test_found_imports_nothing(site):
    site.install_plugin("wire", TRIPWIRE, version="2.5")
    site.plugins()
    report = site.report("wire", depth="found")
    assert (report.state, report.kind) == ("found", "plugin")
    assert (report.distribution, report.version) == ("rinzler-wire", "2.5")
    assert report.value == "rinzler_wire_plugin"


@pytest.mark.parametrize(
    "value", ["wire", "rinzler-wire", "Rinzler_Wire", "rinzler-wire:wire", "other, wire ,"]
)
def test_blocked_is_never_imported(site, monkeypatch, value):
    site.install_plugin("wire", TRIPWIRE)
    monkeypatch.setenv("RINZLER_BLOCK", value)
    plugins = site.plugins()
    report = site.report("wire", depth="open")
    assert report.state == "blocked"
    assert report.reason == f"RINZLER_BLOCK={value} names it"
    with pytest.raises(BackendError) as caught:
        plugins.open_backend("wire")
    assert str(caught.value) == (
        f'backend "wire" cannot be used: its plugin (rinzler-wire 1.0) is blocked: '
        f"RINZLER_BLOCK={value} names it. Mend it: unset RINZLER_BLOCK"
    )
    assert "rinzler_wire_plugin" not in sys.modules


@pytest.mark.parametrize("value", ["", " ", "wir", "wire2", "other:wire"])
def test_block_names_whole_names(site, monkeypatch, backends, value):
    site.install_plugin("wire", backends("'wire', 'm:f'"))
    monkeypatch.setenv("RINZLER_BLOCK", value)
    site.plugins()
    assert site.report("wire").state == "ready"


def test_only_the_named_plugins(site, monkeypatch, backends):
    site.install_plugin("wire", TRIPWIRE)
    site.install_plugin("good", backends("'good', 'm:f'"))
    monkeypatch.setenv("RINZLER_PLUGINS", "good")
    site.plugins()
    assert site.report("good").state == "ready"
    assert site.report("wire").state == "blocked"
    assert site.report("wire").reason == "RINZLER_PLUGINS=good does not name it"


def test_block_wins_over_only(site, monkeypatch):
    site.install_plugin("wire", TRIPWIRE)
    monkeypatch.setenv("RINZLER_PLUGINS", "wire")
    monkeypatch.setenv("RINZLER_BLOCK", "wire")
    site.plugins()
    assert site.report("wire").state == "blocked"


@pytest.mark.parametrize("content", [b"[rinzler]\nno equals sign\n", b"\xff\xfe[rinzler]\n"])
def test_one_unreadable_entry_points_file_hides_nobody_else(site, backends, content):
    site.install_plugin("good", backends("'good', 'm:f'"))
    site.install("rinzler-damaged", {}, {})
    (site.path / "rinzler_damaged-1.0.dist-info" / "entry_points.txt").write_bytes(content)
    site.plugins()
    assert site.report("good").state == "ready"


def test_the_slow_way_round_prefers_the_first_on_the_path(site, tmp_path, monkeypatch, backends):
    site.install_plugin("good", backends("'good', 'm:f'"), version="2.0")
    shadowed = tmp_path / "later"
    info = shadowed / "rinzler_good-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: rinzler-good\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[rinzler]\ngood = absent\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(shadowed)])
    site.install("rinzler-damaged", {}, {})
    damaged = site.path / "rinzler_damaged-1.0.dist-info" / "entry_points.txt"
    damaged.write_text("[rinzler]\nno equals sign\n", encoding="utf-8")
    site.plugins()
    assert site.report("good").version == "2.0"


def test_a_distribution_without_metadata_is_still_listed(site, backends):
    site.install_plugin("anonymous", backends("'anonymous', 'm:f'"))
    (site.path / "rinzler_anonymous-1.0.dist-info" / "METADATA").unlink()
    site.distributions.append("unknown")
    site.plugins()
    report = site.report("anonymous")
    assert (report.state, report.distribution, report.version) == ("ready", "unknown", "")

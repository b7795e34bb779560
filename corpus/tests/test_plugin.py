"""The plugin: core finds the text by name, and describing it costs nothing."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from rinzler.plugins import CorpusInfo, list_corpora, load_corpus
from rinzler_corpus import build, plugin


def test_the_record() -> None:
    (info,) = plugin.rinzler_corpora()
    assert info == CorpusInfo(
        name="python",
        loader="rinzler_corpus.build:load",
        summary="the Python documentation on your disk",
        license="PSF-2.0",
    )
    module, function = info.loader.split(":")
    assert getattr(importlib.import_module(module), function) is build.load


def test_the_entry_point_names_the_plugin() -> None:
    (entry,) = entry_points(group="rinzler", name="corpus")
    assert entry.load() is plugin


def test_core_lists_and_loads_it(stdlib: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: stdlib / "cache" / name)
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(stdlib))
    assert "python" in [info.name for info in list_corpora()]
    assert load_corpus("python") == build.build(stdlib)


def test_describing_imports_no_builder() -> None:
    source = "import json, sys, rinzler_corpus.plugin; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    loaded = json.loads(done.stdout)
    assert "rinzler_corpus.plugin" in loaded
    for heavy in ("rinzler_corpus.build", "rinzler_corpus.sources", "platformdirs"):
        assert heavy not in loaded

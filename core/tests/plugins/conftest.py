"""Real distributions in a folder on `sys.path`, alone there: see `subjects/sites.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sites import Site, backends

from rinzler.plugins import manager, select


@pytest.fixture(name="backends")
def backends_fixture():
    return backends


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    for variable in ("BACKEND", "BLOCK", "PLUGINS", "STRICT_PLUGINS"):
        monkeypatch.delenv(f"RINZLER_{variable}", raising=False)
    monkeypatch.setattr(manager, "_plugins", None)
    monkeypatch.setattr(select, "_of_process", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # sources change faster than its clock
    yield Site(path)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(path)):
            del sys.modules[name]


@pytest.fixture
def command(run_command):
    """`command("backends", "-v")` is `rinzler backends -v`: exit code, stdout, stderr."""
    return partial(run_command, "rinzler")


@pytest.fixture
def train(site, run_command):
    """`rinzler-train` with these words, in a process that has just begun."""

    def run(*words: str) -> tuple[int, str, str]:
        site.plugins()
        return run_command("rinzler-train", *words)

    return run

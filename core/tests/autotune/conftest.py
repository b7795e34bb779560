"""Backends of strangers for the tuner: one that is slow, and some that nobody would want.

`field("slow", "hang")` installs them beside numpy, for this process and for the workers.
`tune(…)` is `rinzler-autotune` on a tiny model, with short windows and deadlines.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rinzler.autotune import RIGORS, store
from rinzler.cli import main
from rinzler.plugins import manager

PLUGIN = """
from rinzler.plugins import BackendInfo, hookimpl

@hookimpl
def rinzler_backends():
    return [BackendInfo({name!r}, factory="{name}_backend:make", priority={priority})]
"""
KINDS = {
    "like_numpy": "",
    "slow": "slowed(made, 'add', 0.003)",
    "wrong": "made.kernels['add'] = wrong(made)",
    "hang": "in_a_trial() and time.sleep(600)",
    "crash": "in_a_trial() and os.kill(os.getpid(), signal.SIGSEGV)",
    "leave": "in_a_trial() and os._exit(7)",
    "harm": "os._exit(8)",
    "refuse": "raise RuntimeError('no such luck')",
    "full": "made.alloc = full",
    "talk": 'print(\'{"device": "a lie"}\')',
    "tunable": "made.tunables = lambda: {'RINZLER_TEST_TILE': ('8', '16')}",
    "software": "made.caps = dataclasses.replace(made.caps, software=True)",
}
BACKEND = """
import dataclasses, os, signal, sys, time
from rinzler_numpy.backend import NumpyBackend

def in_a_trial():
    # Harm that is always done is found before the tuner begins.
    return sys.modules['__main__'].__spec__.name == 'rinzler.autotune.worker'

def slowed(backend, op, seconds):
    kernel = backend.kernels[op]
    def kernel_after_a_nap(*operands, **attrs):
        time.sleep(seconds)
        kernel(*operands, **attrs)
    backend.kernels[op] = kernel_after_a_nap

def wrong(backend):
    kernel = backend.kernels['add']
    def off(y, *operands, **attrs):
        kernel(y, *operands, **attrs)
        if y.size > 9:  # more than the three numbers of the self check
            y *= 1.01
    return off

def full(nbytes):
    raise MemoryError

def make():
    made = NumpyBackend()
    made.name = {name!r}
    made.kernels = dict(made.kernels)
    {action}
    return made
"""
TINY = (
    *("--d-model", "16", "--layers", "1", "--context", "16", "--batch-size", "2"),
    *("--vocab-size", "0"),
)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where rows are kept."""
    folder = tmp_path / "autotune"
    monkeypatch.setenv(store.FOLDER, str(folder))
    return folder


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    monkeypatch.setenv("PYTHONPATH", str(path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # sources change faster than its clock
    # Of the session: two caches (`conftest.py`), and whether core's defaults are forced.
    kept = ("RINZLER_PLUGIN_CACHE", "RINZLER_AUTOTUNE_DIR", "RINZLER_NO_FUSED")
    set_here = [name for name in os.environ if name.startswith("RINZLER_")]
    for name in set(set_here).difference(kept):
        monkeypatch.delenv(name)

    def install(*names: str) -> None:
        for priority, name in enumerate(names, start=60):
            info = path / f"rinzler_{name}-1.0.dist-info"
            info.mkdir()
            head = f"Metadata-Version: 2.1\nName: rinzler-{name}\nVersion: 1.0\n"
            (info / "METADATA").write_text(head, encoding="utf-8")
            points = f"[rinzler]\n{name} = {name}_plugin\n"
            (info / "entry_points.txt").write_text(points, encoding="utf-8")
            plugin = PLUGIN.format(name=name, priority=priority)
            (path / f"{name}_plugin.py").write_text(plugin, encoding="utf-8")
            source = BACKEND.replace("{action}", KINDS[name] or "pass").replace(
                "{name!r}", repr(name)
            )
            (path / f"{name}_backend.py").write_text(source, encoding="utf-8")
        monkeypatch.setenv("RINZLER_PLUGINS", ",".join(("numpy", "corpus", *names)))
        monkeypatch.setattr(manager, "_plugins", None)
        importlib.invalidate_caches()

    yield install
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(path)):
            del sys.modules[name]


@pytest.fixture
def tune(
    kept: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """`rinzler-autotune --quick`, where quick means at once."""
    at_once = replace(RIGORS["quick"], window=0.02, deadline=6.0)
    monkeypatch.setitem(RIGORS, "quick", at_once)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.chdir(kept.parent)

    def run(*words: str) -> tuple[int, str, str]:
        words = ("rinzler-autotune", *TINY, "--quick", "--threads", "1", *words)
        monkeypatch.setattr("sys.argv", list(words))
        code = main.autotune_main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def rows(tune: Callable[..., tuple[int, str, str]]) -> Callable[..., dict[str, dict[str, Any]]]:
    """The objects of --json, the last of each backend."""

    def run(*words: str, code: int = 0) -> dict[str, dict[str, Any]]:
        ended, out, err = tune("--json", *words)
        assert ended == code, err
        records = [json.loads(line) for line in out.splitlines()]
        return {record["backend"]: record for record in records}

    return run

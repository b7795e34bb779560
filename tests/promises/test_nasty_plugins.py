"""Plugins that do every harm we know of, all installed at once beside a healthy one.

Each is a real distribution. One listing has to show all of them, with what each did; `doctor` as
well; and training, in a process of its own, has to take the same steps as where none of them is.
Leaves out: several that offer one thing and agree to fight over it (`core/tests/plugins`).
Read next: `nasty/nasty.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from nasty import NASTY, Nasty
from sites import Site, backends

from rinzler import checkpoint

SECONDS = 8  # for a plugin to answer in
TRAIN = (
    *("train", "fox.txt", "--d-model", "16", "--layers", "1", "--context", "16", "--steps", "3"),
    *("--vocab-size", "0", "--batch-size", "2", "--gen-every", "0"),
)
BYPASSED = "from rinzler.plugins import probing; probing.harmful = lambda found: {}; "
ENTER = "from rinzler.cli.main import main; raise SystemExit(main())"


# Harm that lies in metadata, or in a name: who, state, words of the reason.
CONTESTED = "the name is also that of"
NAMED = {
    "rinzler-nowhere": ("broken", "No module named 'module_of_nobody'"),
    "rinzler-handless": ("broken", "AttributeError: module 'json' has no attribute 'hands'"),
    "rinzler-one": ("duplicate", f"{CONTESTED} rinzler-other 1.0"),
    "rinzler-other": ("duplicate", f"{CONTESTED} rinzler-one 1.0"),
    "rinzler-shadow": ("duplicate", f"{CONTESTED} rinzler-healthy 1.0"),
    "rinzler-twins": ("broken", "No module named 'twin_"),
    "unknown": ("broken", "No module named 'module_of_nobody'"),
}


def install_named(site: Site) -> None:
    """Also some that cannot be listed, since nobody can read what they are called."""
    site.install("rinzler-nowhere", {"nowhere": "module_of_nobody"}, {})
    site.install("rinzler-handless", {"handless": "json:hands"}, {})
    site.write_stranger("same")
    for name in ("one", "other"):
        site.install_plugin(name, backends("'same', 'strange_same.backend:Backend', priority=90"))
    record = "'healthy', 'strange_healthy.backend:Backend', priority=90"
    site.install_plugin("shadow", backends(record))
    site.install("rinzler-twins", {"twins": "twin_one", "twins ": "twin_two"}, {})
    for name in ("rinzler-headless", "rinzler-garbled", "rinzler-loose"):
        site.install(name, {name: "module_of_nobody"}, {})
    infos = {path.name.partition("-")[0]: path for path in site.path.glob("*.dist-info")}
    (infos["rinzler_headless"] / "METADATA").unlink()
    (infos["rinzler_garbled"] / "entry_points.txt").write_bytes(b"\xff\xfe[rinzler]\nx = y")
    (infos["rinzler_loose"] / "entry_points.txt").write_text("[rinzler\nx", encoding="utf-8")


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Shell:
    """A folder to work in, with plugins of its own, and the commands as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "site").mkdir(parents=True)
        self.site = Site(folder / "site")
        text = "the quick brown fox jumps over the lazy dog.\n" * 60
        (folder / "fox.txt").write_text(text, encoding="utf-8")

    def install(self, each: Nasty) -> None:
        self.site.install_plugin(each.name, each.source)
        self.site.write_stranger(each.name)
        heavy = self.site.path / f"strange_{each.name}" / "backend.py"
        healthy = heavy.read_text(encoding="utf-8").replace(
            "from rinzler", each.heavy + "from rinzler", 1
        )
        heavy.write_text(healthy + "\n\n" + each.patch, encoding="utf-8")

    def __call__(self, *words: str, before: str = "") -> Done:
        own = {
            "PYTHONPATH": str(self.site.path),
            "RINZLER_PLUGIN_CACHE": str(self.folder / "verdicts"),
            "RINZLER_PROBE_SECONDS": str(SECONDS),
            "RINZLER_BLOCK": "numba,vulkan,csv,tensorboard",
        }
        names = {
            name: value for name, value in os.environ.items() if not name.startswith("RINZLER_")
        }
        done = subprocess.run(
            [sys.executable, "-P", "-c", before + ENTER, *words],
            cwd=self.folder,
            env=names | own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=200,
        )
        # Results are clean; a plugin may print what it likes beside them.
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace"))


def trained(shell: Shell, backend: str, before: str = "") -> Mapping[str, Any]:
    """What a short run comes to."""
    done = shell(*TRAIN, "--backend", backend, "--run-dir", f"run-{backend}", before=before)
    assert done.code == 0, done.err[-2000:]
    return checkpoint.load(shell.folder / f"run-{backend}" / "step-000003.safetensors").tensors


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        array.tobytes() == other[name].tobytes() for name, array in one.items()
    )


@pytest.fixture
def clean(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path / "clean")
    shell.site.install_stranger("healthy", priority=80)
    return shell


@pytest.mark.promise(
    "harmful plugins that are listed with what they do, and disturb no other command", at_least=40
)
def test_all_at_once(clean: Shell, tmp_path: Path, count: Callable[..., None]) -> None:
    shell = Shell(tmp_path / "full")
    shell.site.install_stranger("healthy", priority=80)
    for each in NASTY:
        shell.install(each)
    install_named(shell.site)
    told = shell("backends", "--json")
    assert told.code == 0, told.err
    reports = json.loads(told.out)
    found = {each["distribution"]: each for each in reports}
    doctor = shell("doctor")
    assert doctor.code == 0, doctor.err
    examined = {line.split()[0] for line in doctor.out.splitlines() if line[:1].isalpha()}
    wrong = [each.name for each in NASTY if not each.told_by(found[f"rinzler-{each.name}"])]
    assert {name: found[f"rinzler-{name}"]["reason"] for name in wrong} == {}
    assert {each.name for each in NASTY} <= examined
    count(len(NASTY))
    for name, (state, reason) in NAMED.items():
        assert (found[name]["state"], reason in found[name]["reason"]) == (state, True), found[name]
        count()
    assert found["rinzler-healthy"]["state"] == "ready"
    assert "healthy" in doctor.out
    assert same(trained(shell, "numpy"), trained(clean, "numpy"))
    assert same(trained(shell, "auto"), trained(clean, "healthy"))


@pytest.mark.parametrize("name", ["leaves", "moves", "patches", "interrupts"])
def test_without_the_trial_they_do_harm(clean: Shell, name: str) -> None:
    """The promise above can be broken: let in, each of these ends or spoils a run."""
    clean.install(next(each for each in NASTY if each.name == name))
    done = clean(*TRAIN, "--backend", "numpy", "--run-dir", "run", before=BYPASSED)
    saved = clean.folder / "run" / "step-000003.safetensors"
    assert done.code or not saved.exists() or not _whole(saved)


def _whole(path: Path) -> bool:
    try:
        return bool(checkpoint.load(path).tensors)
    except Exception:
        return False

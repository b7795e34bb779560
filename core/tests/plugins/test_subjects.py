"""The subjects that test core, as backends: by the conformance kit, and behind the commands.

`subjects/loopback.py` is installed like any stranger's backend here. It has to pass all of the kit,
so that what fails over it is core's fault; `subjects/null.py` passes the tiers that compare a
backend with itself. Read next: `../test_loopback.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import allocator_of
from null import Null

from rinzler import checkpoint
from rinzler.cli import main
from rinzler.conformance.check import outcome_of
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import NAMES, checks
from rinzler.ops import device as device_module
from rinzler.plugins import manager

LIGHT = """
@hookimpl
def rinzler_backends():
    text = dict(summary="tests core", install_hint="pip install rinzler-loopback")
    return [BackendInfo("loopback", "loopback:Loopback", priority=1, **text)]
"""
SETTINGS = {
    **{"d-model": 16, "layers": 1, "heads": 2, "context": 16, "vocab-size": 0, "dropout": 0.1},
    **{"batch-size": 4, "accumulate": 2, "lr": 0.01, "steps": 9},
    **{"gen-every": 4, "save-every": 3, "eval-every": 3},
}


@pytest.fixture
def _installed(site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    site.install_plugin("loopback", LIGHT)
    (info,) = site.path.glob("*.dist-info")
    with (info / "METADATA").open("a", encoding="utf-8") as metadata:
        metadata.write("Requires-Dist: rinzler-core\n")
    monkeypatch.setattr(device_module, "Allocator", allocator_of)
    monkeypatch.setenv("RINZLER_PLUGIN_CACHE", str(tmp_path / "verdicts"))


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("tier", NAMES)
def test_loopback_passes_all_of_the_kit(site, tier: str) -> None:
    site.plugins()
    subject = Subject.installed("loopback")
    listed = list(checks([tier], 440))
    assert len(listed) >= 4
    assert [line for check in listed for line in outcome_of(check, subject).failures] == []


@pytest.mark.parametrize("tier", ["capture", "determinism"])
def test_null_passes_where_a_backend_is_compared_with_itself(tier: str) -> None:
    backend = Null()
    subject = Subject.of(backend)
    failures = [line for check in checks([tier]) for line in outcome_of(check, subject).failures]
    assert failures == []
    assert len(backend.tapes) > (100 if tier == "capture" else 0)


@pytest.fixture
def run(
    _installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> Callable[..., str]:
    """A command, called in this process, on a folder with a text in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINZLER_PLUGINS", "numpy,corpus,loopback")
    Path("fox.txt").write_text("the quick brown fox jumps over the lazy dog.\n" * 60, "utf-8")

    def command(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["rinzler", *words])
        monkeypatch.setattr(manager, "_plugins", None)
        assert main.main() == 0, capsys.readouterr()
        return capsys.readouterr().out

    return command


def test_a_run_is_stopped_and_resumed_behind_the_queue(run: Callable[..., str]) -> None:
    """The weights and the text are those of an undisturbed run on numpy."""
    flags = [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))]
    train = ("train", "fox.txt", *flags)
    run(*train, "--backend", "numpy", "--run-dir", "straight")
    run(*train, "--backend", "loopback", "--run-dir", "late")
    Path("late/step-000009.safetensors").unlink()
    run("train", "--resume", "late")
    saved = [
        checkpoint.load(Path(name) / "step-000009.safetensors") for name in ("straight", "late")
    ]
    for name, array in saved[0].tensors.items():
        assert saved[1].tensors[name].tobytes() == array.tobytes(), name
    texts = [
        run("generate", "straight", "--backend", backend, "--prompt", "the", "--tokens", "40")
        for backend in ("numpy", "loopback")
    ]
    assert texts[0] == texts[1]

"""--verify-resume: a proof that can fail, which only reads a run and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rinzler import checkpoint
from rinzler.cli import verify
from rinzler.events import Saved
from rinzler.trainer import Trainer

RUN = Path("runs", "fox-001")
PARTS = ["weights", "moments", "steps", "state", "batch", "validation", "sample"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, which has to be empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(verify, "say_if_slow", nullcontext)  # the machine of this test may be slow
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_run_leaves_only_its_proof(shell, temporary: Path) -> None:
    words = ("--verify-resume", "--dropout", "0.1", "--cosine", "--warmup-steps", "2")
    code, out, err = shell.train("fox.txt", *words, steps=60)
    assert (code, err) == (0, "")
    backend, one, other, *parts, verdict = out.splitlines()
    assert backend.startswith("backend    numpy · ")
    assert one.endswith("a checkpoint after step 10, and in the same process 10 steps more")
    assert other == "the other  the checkpoint loaded by another process, and 10 steps more"
    assert [line.split()[0] for line in parts] == PARTS
    assert all(" SHA-256 " in line for line in parts)
    assert verdict.startswith("verdict    a resumed run is the same run, to the last bit (")
    assert not Path("runs").exists()
    assert files(temporary) == {}
    assert list(temporary.iterdir()) == []


def test_a_run_is_only_read(shell, temporary: Path) -> None:
    shell.train("fox.txt", dropout=0.1)
    before = files(RUN)
    words = ("--resume", str(RUN), "--backend", "numpy", "--verify-resume", "--json")
    code, out, err = shell("rinzler-train", *words, "--steps", "11", "--threads", "1")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["event"], found["exact"], found["different"]) == ("verify", True, [])
    assert (found["checkpoint_step"], found["steps"]) == (10, 1)  # from step 6, of 11
    assert sorted(found["sha256"]["straight"]) == sorted(PARTS)
    assert found["sha256"]["straight"] == found["sha256"]["resumed"]
    assert files(RUN) == before
    assert list(temporary.iterdir()) == []


def spoilt(trainer: Trainer, folder: Path, which: str) -> Saved:
    """A checkpoint that is whole, and not of this run in one bit."""
    saved = trainer.snapshot()
    if which == "recent_losses":
        saved.meta[which][0] = float(np.nextafter(saved.meta[which][0], 9.0))
    else:
        array = saved.tensors[which].copy()
        array.reshape(-1).view(np.int32)[3] ^= 1 << 12
        saved.tensors[which] = array
    path = checkpoint.path_for_step(folder, trainer.steps)
    return Saved(trainer.steps, path, checkpoint.save(path, saved), ())


@pytest.mark.parametrize(
    ("which", "differ"),
    [
        ("recent_losses", ["state"]),
        ("ln_f.weight", ["weights", "moments", "steps", "state", "validation"]),
        ("optimizer.v.ln_f.weight", ["weights", "moments"]),
    ],
)
def test_one_bit_is_seen_and_said(
    which: str, differ: list[str], shell, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "save", lambda *where: spoilt(*where, which))
    code, out, _ = shell.train("fox.txt", "--verify-resume", steps=20)
    assert code == 3
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert {part for part in PARTS if "NOT the same" in lines[part]} >= set(differ)
    assert "NOT" not in lines["batch"]
    assert "a resumed run is NOT the same run here: " in lines["verdict"]
    assert list(temporary.iterdir()) == []


def test_the_other_process_fails(shell, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = verify.question
    nowhere = str(temporary / "nowhere")
    monkeypatch.setattr(
        verify, "question", lambda request, folder, steps: ask(request, nowhere, steps)
    )
    code, message = shell.refused("rinzler-train", "fox.txt", *shell.flags(), "--verify-resume")
    assert code == 3
    assert message.startswith(
        "the process that went on from the checkpoint ended with code 3: there is no run or "
        f"checkpoint {nowhere}."
    )
    assert message.endswith(" See what there is: rinzler doctor")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_it_may_be_interrupted(
    name: str, code: int, shell, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(trainer: Any, steps: int) -> None:
        signal.raise_signal(getattr(signal, name))

    monkeypatch.setattr(verify, "rest_of", interrupted)
    assert shell.train("fox.txt", "--verify-resume") == (code, "", "")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--steps=1", "--vocab-size=0"),
            "there is 1 step left to take, and --verify-resume needs at least 2: one before a "
            "checkpoint, one after. Give more --steps",
        ),
        (("--quiet",), "--verify-resume prints what it found and nothing else: leave out --quiet"),
        (("--plan",), "--verify-resume prints what it found and nothing else: leave out --plan"),
    ],
)
def test_requests_that_prove_nothing(
    words: tuple[str, ...], message: str, shell, temporary: Path
) -> None:
    request = ("rinzler-train", "fox.txt", "--backend", "numpy", "--verify-resume", *words)
    assert shell.refused(*request) == (2, message)


def test_a_finished_run_says_what_to_type(shell, temporary: Path) -> None:
    shell.train("fox.txt")
    words = ("--resume", str(RUN), "--backend", "numpy", "--verify-resume")
    code, message = shell.refused("rinzler-train", *words)
    assert code == 2
    assert "has done 6 steps of 6: it is finished. To go further: rinzler-train " in message
    assert list(temporary.iterdir()) == []

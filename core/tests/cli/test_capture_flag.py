"""`--no-capture` on the command line: nothing changes but how a step is run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rinzler import checkpoint
from rinzler.capture import Captured
from rinzler.errors import CaptureError
from rinzler.optim import AdamW

SETTINGS = {"dropout": 0.1, "accumulate": 2, "warmup_steps": 2, "save_every": 2, "keep_last": 0}
LINE = re.compile(
    r"^captured   \d+ calls a step, arena [\d.]+ kB \([\d.]+ [kM]B without reuse\)$", re.M
)


def course(folder: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl says, but for the clock and names of files."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    passing = ("tokens_per_second", "seconds", "path", "checkpoint", "run")
    return [{k: v for k, v in each.items() if k not in passing} for each in records]


def bits(folder: Path) -> tuple[dict[str, bytes], Any]:
    saved = checkpoint.load(folder / "step-000006.safetensors")
    return {name: array.tobytes() for name, array in saved.tensors.items()}, saved.meta


def test_a_run_is_the_same_with_and_without(shell) -> None:
    code, _, err = shell.train("fox.txt", **SETTINGS)
    assert code == 0
    assert len(LINE.findall(err)) == 1
    assert err.index("captured ") < err.index("validation ")
    code, _, err = shell.train("fox.txt", "--no-capture", **SETTINGS)
    assert code == 0
    assert "captured" not in err
    with_it, without = Path("runs", "fox-001"), Path("runs", "fox-002")
    assert course(with_it) == course(without)
    assert bits(with_it) == bits(without)
    samples = [(each / "samples.txt").read_text(encoding="utf-8") for each in (with_it, without)]
    assert samples[0] == samples[1]


@pytest.mark.parametrize("began", [True, False])
def test_a_run_goes_on_the_other_way_to_the_same_bits(began: bool, shell) -> None:
    flag = {True: (), False: ("--no-capture",)}
    shell.train("fox.txt", **SETTINGS)
    shell.train("fox.txt", *flag[began], **SETTINGS)
    again = ("--resume", "runs/fox-002/step-000002.safetensors", "--backend", "numpy")
    code, _, err = shell("rinzler-train", *again, *flag[not began])
    assert code == 0
    assert ("captured " in err) is not began
    assert bits(Path("runs", "fox-002")) == bits(Path("runs", "fox-001"))


def test_it_is_a_setting_like_any_other(shell, requested, monkeypatch) -> None:
    assert requested("fox.txt").capture is True
    assert requested("fox.txt", "--no-capture").capture is False
    monkeypatch.setenv("RINZLER_TRAIN_CAPTURE", "false")
    assert requested("fox.txt").capture is False
    assert requested("fox.txt", "--capture").capture is True
    monkeypatch.delenv("RINZLER_TRAIN_CAPTURE")
    Path("run.toml").write_text("[run]\ncapture = false\n", encoding="utf-8")
    assert requested("fox.txt", "--config", "run.toml").capture is False


def test_a_step_that_cannot_be_captured_ends_the_run_and_says_what_to_type(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a backend, or somebody's change to an optimizer, may get wrong."""
    apply = AdamW.apply

    def careless(self: AdamW, clip: Any = None) -> None:
        self.flat.grad.numpy()
        apply(self, clip)

    monkeypatch.setattr(AdamW, "apply", careless)
    code, out, err = shell.train("fox.txt")
    assert (code, out) == (CaptureError.exit_code, "")
    assert "error: test_capture_flag.py:" in err
    assert "reads a value back while a step is recorded" in err
    assert "--no-capture" in err
    assert shell.train("fox.txt", "--no-capture")[0] == 0


def test_one_step_is_never_captured(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[Captured] = []
    real = Captured._bind
    monkeypatch.setattr(Captured, "_bind", lambda *task: bound.append(task[0]) or real(*task))
    code, _, err = shell.train("fox.txt", steps=1)
    bound = [each for each in bound if set(each.inputs) != {"ids", "places"}]  # of the sample
    assert (code, bound) == (0, [])
    assert "captured" not in err

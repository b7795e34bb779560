"""docs/checkpoints.md is kept true: its commands, its examples and its C program are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rinzler import checkpoint
from rinzler.checkpoint import Checkpoint


def test_the_commands_of_the_page_work(blocks, shell) -> None:
    shell.train("fox.txt", "--run-dir", "runs/notes-001", "--quiet")
    lines = [line for block in blocks() for line in block.splitlines()]
    typed = [line.partition("#")[0] for line in lines if line.startswith("rinzler ")]
    assert len(typed) == 5
    for line in typed:
        assert shell(*shlex.split(line))[0] == 0, line


def hidden(text: str) -> str:
    return re.sub(r"[0-9a-f]{64}", "…", text)


def test_the_examples_are_what_is_written(blocks, tmp_path: Path) -> None:
    _, json_example, raw_example, _ = blocks()
    values = np.array([[0.1, -0.0], [np.nan, np.inf]], np.float32)
    path = tmp_path / "model.json"
    checkpoint.save(path, Checkpoint({"wte.weight": values}, {"step": 500}))
    assert hidden(path.read_text(encoding="utf-8")) == json_example
    path = tmp_path / "model.bin"
    checkpoint.save(path, Checkpoint({"wte.weight": np.ones((3, 4), np.float32)}, {"step": 500}))
    assert hidden((tmp_path / "model.bin.json").read_text(encoding="utf-8")) == raw_example


def test_the_program_in_c_reads_a_tensor(blocks, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None and "cc" not in os.environ.get("RINZLER_REQUIRED_TOOLS", "").split():
        pytest.skip("no C compiler here; where one must be: RINZLER_REQUIRED_TOOLS=cc")
    assert compiler, "no C compiler here, and RINZLER_REQUIRED_TOOLS names cc"
    (program,) = blocks("c")
    (tmp_path / "sum.c").write_text(program, encoding="utf-8")
    subprocess.run([compiler, "-o", tmp_path / "sum", tmp_path / "sum.c"], check=True)
    values = np.random.default_rng(2).standard_normal((5, 7)).astype(np.float32)
    path = tmp_path / "model.bin"
    checkpoint.save(path, Checkpoint({"n": np.arange(3), "x": values}, {}))
    places = json.loads((tmp_path / "model.bin.json").read_bytes())["tensors"]
    (place,) = [place for place in places if place["name"] == "x"]
    words = [tmp_path / "sum", path, str(place["offset"]), str(values.size)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    total = 0.0
    for value in values.reshape(-1).tolist():
        total += value
    assert float(done.stdout) == total

"""The commands as a user of this backend starts them: real processes, a text, a few steps."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rinzler_numba.threads import pool

TEXT = "the quick brown fox jumps over the lazy dog, naïvely.\n" * 60
TINY = (
    *("fox.txt", "--d-model", "16", "--layers", "1", "--context", "16", "--batch-size", "4"),
    *("--lr", "1e-2", "--vocab-size", "0", "--steps", "40", "--dropout", "0.1", "--plain"),
)


@pytest.fixture
def rinzler(tmp_path: Path):
    """Run a command in a folder of its own; returns (exit code, stdout, stderr)."""
    (tmp_path / "fox.txt").write_text(TEXT, encoding="utf-8")

    def run(*words: str, **variables: str) -> tuple[int, str, str]:
        told = ("RINZLER_", "NUMBA_NUM", "NUMBA_THR", "OMP_", "OPENBLAS_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(told)}
        done = subprocess.run(
            [sys.executable, "-m", "rinzler", *words],
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=300,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


def losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [each["loss"] for each in map(json.loads, lines) if each["event"] == "step"]


def test_auto_takes_it_and_a_run_does_not_depend_on_threads(rinzler, tmp_path: Path) -> None:
    code, _, err = rinzler("train", *TINY, "--run-dir", "all")
    assert code == 0, err
    assert re.search(
        r"^backend    numba · .* \(auto: highest priority of numba, numpy\)$", err, re.M
    )
    other = ("--run-dir", "one", "--threads", "1", "--no-capture")
    assert rinzler("train", *TINY, *other)[0] == 0
    course = losses(tmp_path / "all")
    assert len(course) == 40
    assert course[-1] < course[0] - 1.0
    assert losses(tmp_path / "one") == course

    code, _, err = rinzler("train", *TINY, "--run-dir", "reference", "--backend", "numpy")
    assert code == 0
    assert losses(tmp_path / "reference") == pytest.approx(course, rel=1e-4)

    first = rinzler("generate", "all", "--prompt", "the quick", "--tokens", "30")
    assert first[0] == 0
    assert first[1].startswith("the quick")
    assert first[2].endswith("step 40 · numba\n")
    assert rinzler("generate", "all", "--prompt", "the quick", "--tokens", "30")[1] == first[1]


def test_more_threads_than_there_are(rinzler) -> None:
    many = str(pool.most + 1)
    code, out, err = rinzler("train", *TINY, "--backend", "numba", "--threads", many)
    assert (code, out) == (3, "")
    assert f"error: numba: {many} threads asked for, expected 1 to {pool.most}; " in err
    assert err.endswith(f"start Python with NUMBA_NUM_THREADS={many} for more\n")


def test_warming_up_leaves_nothing_to_compile(rinzler, tmp_path: Path) -> None:
    code, _, err = rinzler("warmup", "numba")
    assert code == 0
    assert err.splitlines()[-1].startswith("done       ")
    code, out, _ = rinzler("doctor", "--json")
    assert code == 0
    (entry,) = [each for each in json.loads(out)["plugins"] if each["name"] == "numba"]
    facts = {fact["name"]: fact["value"] for fact in entry["facts"]}
    compiled, total = re.match(r"(\d+) of (\d+) kernels compiled", facts["cache"]).groups()
    assert compiled == total
    assert "numba: compiling" not in rinzler("train", *TINY, "--run-dir", "run")[2]

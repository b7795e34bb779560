"""The flags of `rinzler-autotune`, and how a table reads."""

from __future__ import annotations

import pytest

from rinzler.autotune import Workload
from rinzler.autotune.grid import Cell, Place, batches, thread_counts
from rinzler.autotune.tuner import Row
from rinzler.cli.tunetable import cells, columns, line
from rinzler.config import GPTConfig, TrainConfig


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--threads", "1,x"), "--threads is '1,x', expected whole numbers of at least 1: 1,2,4"),
        (("--batch-sizes", "0"), "--batch-sizes is '0', expected whole numbers"),
        (("--thorough",), "--quick and --thorough are two lengths of one search; give one"),
        (("--time-limit", "0"), "--time-limit is 0.0, expected seconds above 0"),
        (("--laeyrs", "3"), "unknown option --laeyrs. Did you mean --layers?"),
        (("--heads", "3"), "--heads 3 does not divide --d-model 16"),
    ],
)
def test_mistakes_are_one_line(field, tune, words, message):
    field()
    kept = [word for word in words if word != "--threads" or "x" in words[-1]]
    code, out, err = tune(*kept)
    assert (code, out) == (2, "")
    assert message in err or "is there twice" in err
    assert err.count("\n") == 1


def test_a_settings_file_of_a_run_is_understood(field, tune, tmp_path):
    field()
    (tmp_path / "run.toml").write_text(
        "[text]\ncorpus = ['a.md']\nval-fraction = 0.2\n[training]\nsteps = 100000\nlr = 1e-2\n"
        "[run]\nthreads = 1\nrun-dir = 'there'\n[output]\nquiet = true\n",
        encoding="utf-8",
    )
    code, out, err = tune("--config", "run.toml")
    assert code == 0, err
    assert "numpy *" in out


def test_parts_of_a_batch_are_halves():
    workload = Workload(GPTConfig(vocab_size=300), TrainConfig(batch_size=12, accumulate=2))
    assert batches(workload, None, 9) == [(24, 1), (12, 2), (6, 4), (3, 8)]
    assert batches(workload, None, 2) == [(24, 1), (12, 2)]
    assert batches(workload, [4, 8, 4], 1) == [(8, 1), (4, 1)]


def test_threads_are_all_and_half_or_every_power_of_two(monkeypatch):
    monkeypatch.setattr("rinzler.autotune.grid.available_cores", lambda: 6)
    assert thread_counts(None, thorough=False) == [6, 3]
    assert thread_counts(None, thorough=True) == [6, 4, 2, 1]
    assert thread_counts([1, 4], thorough=False) == [4, 1]
    monkeypatch.setattr("rinzler.autotune.grid.available_cores", lambda: 1)
    assert thread_counts(None, thorough=False) == [1]


def test_a_row_reads_as_a_line():
    cell = Cell(Place("numba"), 2, 8, 1)
    row = Row(cell, "a CPU", "measured", parity=2e-7, opening=1.0, compiling=0.5, tokens=100)
    row.windows = [[0.1, 0.1], [0.1, 0.2]]
    row.peak = 176_000_000
    assert line(row) == "numba · a CPU · 2 · 8 · 1 · 1,000 · 38 · 176 · 1.5 · parity 2e-07"
    assert cells(row, row)[0] == "numba *"
    failed = Row(cell, state="failed", reason="no such luck")
    assert line(failed) == "numba · 2 · failed: no such luck"


def test_columns_stand_under_each_other():
    text = columns(("A", "N"), [("long", "1"), ("b", "100")], frozenset({1}))
    assert text.splitlines() == ["A       N", "long    1", "b     100"]

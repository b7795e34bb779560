"""The flags of `rinzler-autotune`, and how a table reads."""

from __future__ import annotations

import io
import re
from functools import partial
from typing import Any

import pytest

from rinzler.autotune import Workload
from rinzler.autotune.grid import Cell, Place, batches, thread_counts
from rinzler.autotune.row import Row
from rinzler.cli.tunetable import cells, columns, line, live_table, table
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


def search_of_three() -> tuple[list[Row], Row]:
    """One that won, one that was dropped, one that could not be tried."""
    device = "x86_64, 2 threads, numpy 2.4.6 with OpenBLAS"
    won = Row(Cell(Place("numba"), 2, 8, 1), device, "measured", parity=2e-7, tokens=100)
    lost = Row(Cell(Place("numpy"), 2, 8, 1), device, "dropped", "behind in its first window", 3e-8)
    for row, pace in ((won, 0.001), (lost, 0.01)):
        row.windows, row.tokens, row.peak = [[pace] * 4], 100, 176_000_000
    reason = "unavailable: " + "there is only a software device, and it is for tests. " * 2
    return [won, lost, Row(Cell(Place("vulkan"), None, 8, 1), "", "skipped", reason)], won


def test_a_narrow_terminal_gets_a_table_that_fits_and_every_reason_below_it() -> None:
    rows, best = search_of_three()
    titles, won, lost, skipped = table(rows, best, width=80).splitlines()
    assert max(map(len, (titles, won, lost))) <= 80
    assert "DEVICE" not in titles
    assert won.split() == ["numba", "*", "2", "8", "1", "100,000", "0", "176", "0.0", *PARITY]
    assert lost.endswith("0.0  dropped")
    assert skipped == f"vulkan · skipped: {rows[2].reason}"
    assert table(rows[2:], None, width=80).splitlines() == [skipped]


PARITY = ("parity", "2e-07")


def test_a_wide_terminal_gets_all_columns_and_a_file_every_row_in_them() -> None:
    rows, best = search_of_three()
    wide = table(rows, best, width=160).splitlines()
    assert "DEVICE" in wide[0]
    assert wide[2].endswith("parity 3e-08, dropped: behind in its first window")
    assert wide[3] == f"vulkan · skipped: {rows[2].reason}"
    piped = table(rows, best).splitlines()
    assert len(piped) == 4
    assert piped[3].index("skipped: ") == piped[1].index("parity")


def test_the_moving_table_is_one_line_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich import console as rich_console

    written = io.StringIO()
    made = partial(rich_console.Console, file=written, force_terminal=True, width=80)
    monkeypatch.setattr(rich_console, "Console", lambda stderr: made())
    monkeypatch.setenv("NO_COLOR", "1")
    rows, _ = search_of_three()

    class Searching:
        changed: Any = None

    tuner: Any = Searching()
    tuner.rows = []
    with live_table(tuner):
        tuner.rows = rows
        tuner.changed(rows[0])
    frame = written.getvalue().rpartition("BACKEND")[2]
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).splitlines()
    assert [text.split()[0] for text in shown[1:4]] == ["numba", "numpy", "vulkan"]
    assert shown[3].rstrip().endswith("…")
    assert all(len(text) <= 80 for text in shown)
    assert "\x1b[3" not in written.getvalue()  # colours

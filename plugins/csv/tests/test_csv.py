"""The table of a run: what is in it, when it goes on, and when it is left alone."""

from __future__ import annotations

import csv
import logging
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from rinzler.plugins import RunInfo, emit, manager, plugin_options
from rinzler_csv import COLUMNS, CsvOptions

LOSSES = {1: 5.5, 2: 4.5, 3: 0.1 + 0.2, 4: float("nan"), 5: 2.5}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The plugin as it is installed, and no other; new for every test."""
    monkeypatch.setenv("RINZLER_PLUGINS", "rinzler-csv")
    monkeypatch.setattr(manager, "_plugins", None)
    caplog.set_level(logging.WARNING)


def asked(folder: Path, **options: object) -> RunInfo:
    return RunInfo(folder, {"seed": 0}, {"csv": CsvOptions(**options)})


def train(run: RunInfo, first: int, last: int) -> None:
    """Steps `first` to `last`, each with a validation if it is a multiple of 2."""
    emit("rinzler_train_start", run=run, step=first - 1)
    for step in range(first, last + 1):
        facts = {"loss": LOSSES[step], "lr": 3e-4, "grad_norm": 1.5, "tokens_per_second": 4e4}
        emit("rinzler_step_end", run=run, step=step, **facts)
        if step % 2 == 0:
            metrics = {"val_loss": LOSSES[step] + 1, "val_bpb": 2.0, "more": 7.0}
            emit("rinzler_eval_end", run=run, step=step, metrics=metrics)
    emit("rinzler_train_end", run=run, error=None)


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def table(path: Path) -> list[tuple[str, str]]:
    """(step, "loss" or "val_loss") of each row; the header must be there once."""
    header, *rows = read(path)
    assert tuple(header) == COLUMNS
    return [(row[0], "loss" if row[1] else "val_loss") for row in rows]


WHOLE = [
    *[("1", "loss"), ("2", "loss"), ("2", "val_loss"), ("3", "loss")],
    *[("4", "loss"), ("4", "val_loss"), ("5", "loss")],
]


def test_a_row_for_every_step_and_every_validation(tmp_path: Path) -> None:
    train(asked(tmp_path, every=1), 1, 5)
    assert table(tmp_path / "metrics.csv") == WHOLE
    rows = read(tmp_path / "metrics.csv")
    assert rows[4] == ["3", "0.30000000000000004", "0.0003", "1.5", "40000.0", "", ""]
    assert rows[3] == ["2", "", "", "", "", "5.5", "2.0"]
    assert rows[5][1] == "nan"
    assert list(tmp_path.iterdir()) == [tmp_path / "metrics.csv"]


def test_every_so_many_steps(tmp_path: Path) -> None:
    train(asked(tmp_path, every=3), 1, 5)
    assert table(tmp_path / "metrics.csv") == [("2", "val_loss"), ("3", "loss"), ("4", "val_loss")]


def test_nothing_is_written_unless_asked_for(tmp_path: Path) -> None:
    train(asked(tmp_path), 1, 5)
    train(RunInfo(tmp_path, {}), 1, 5)
    assert list(tmp_path.iterdir()) == []


def test_another_place(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.csv"
    train(asked(tmp_path / "run", every=1, path=path), 1, 5)
    assert table(path) == WHOLE


def test_each_row_is_there_at_once(tmp_path: Path) -> None:
    run = asked(tmp_path, every=1)
    emit("rinzler_train_start", run=run, step=0)
    assert table(tmp_path / "metrics.csv") == []
    facts = {"loss": 1.0, "lr": 1.0, "grad_norm": 1.0, "tokens_per_second": 1.0}
    emit("rinzler_step_end", run=run, step=1, **facts)
    assert table(tmp_path / "metrics.csv") == [("1", "loss")]


@pytest.mark.parametrize("stopped", [3, 4, 5])
def test_a_run_that_resumes_has_the_same_table(tmp_path: Path, stopped: int) -> None:
    run = asked(tmp_path, every=1)
    train(run, 1, stopped)  # step 3 was saved, and what came after it is lost
    train(run, 4, 5)
    assert table(tmp_path / "metrics.csv") == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize("end", ["4,5.5,0.00", "4", "3,0.3,0.0003,1.5,40000.0,,"])
def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path: Path, end: str) -> None:
    run = asked(tmp_path, every=1)
    train(run, 1, 3)
    with (tmp_path / "metrics.csv").open("a", encoding="utf-8") as file:
        file.write(end)
    train(run, 4, 5)
    assert table(tmp_path / "metrics.csv") == WHOLE


def test_a_run_that_resumes_may_begin_its_table_late(tmp_path: Path) -> None:
    train(asked(tmp_path), 1, 3)
    (tmp_path / "metrics.csv").touch()
    train(asked(tmp_path, every=1), 4, 5)
    assert table(tmp_path / "metrics.csv") == WHOLE[4:]


def test_the_table_of_another_run_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "elsewhere.csv"
    train(asked(tmp_path / "one", every=1, path=path), 1, 5)
    before = path.read_bytes()
    train(asked(tmp_path / "two", every=1, path=path), 1, 5)
    assert path.read_bytes() == before
    (record,) = caplog.records
    assert record.getMessage() == (
        f"plugin csv (rinzler-csv {version('rinzler-csv')}): rinzler_train_start raised "
        "FileExistsError: "
        f"{path} is there already. Name another one: --csv-path FILE; it hears no more events "
        "in this process"
    )


def test_other_columns_are_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,perplexity\n1,7.5\n", encoding="utf-8")
    train(asked(tmp_path, every=1), 4, 5)
    assert path.read_text(encoding="utf-8") == "step,perplexity\n1,7.5\n"
    (record,) = caplog.records
    assert "has other columns, expected step, loss, lr, " in record.getMessage()


def test_a_place_that_cannot_be_written_costs_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(asked(tmp_path, every=1, path=tmp_path / "gone" / "metrics.csv"), 1, 5)
    (record,) = caplog.records
    assert "rinzler_train_start raised FileNotFoundError: " in record.getMessage()


def test_the_flags() -> None:
    (offered,) = plugin_options()
    assert offered.flags == ("--csv-every", "--csv-path")
    with pytest.raises(ValueError, match=r"^--csv-every is -1, expected 0 or more$"):
        CsvOptions(every=-1)
    with pytest.raises(ValueError, match=r"^--csv-path needs rows to write: add --csv-every 1$"):
        CsvOptions(path=Path("x.csv"))


def test_a_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINZLER_PLUGINS", "csv,numpy")
    (tmp_path / "fox.txt").write_text("the quick brown fox\n" * 60, encoding="utf-8")
    words = ["fox.txt", "--steps", "4", "--eval-every", "2", "--csv-every", "2", "--quiet"]
    sizes = ["--d-model", "8", "--layers", "1", "--context", "8", "--batch-size", "2"]
    sizes += ["--vocab-size", "0"]
    command = [sys.executable, "-m", "rinzler", "train", *words, *sizes, "--run-dir", "run"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert table(tmp_path / "run" / "metrics.csv") == [
        *[("2", "loss"), ("2", "val_loss"), ("4", "loss"), ("4", "val_loss")]
    ]
    command = [sys.executable, "-m", "rinzler", "train", "--resume", "run", "--steps", "6"]
    subprocess.run([*command, "--quiet"], cwd=tmp_path, check=True, timeout=120)
    assert table(tmp_path / "run" / "metrics.csv")[4:] == [("6", "loss"), ("6", "val_loss")]

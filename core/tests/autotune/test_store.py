"""What is remembered, for which model, and what makes it stale."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rinzler.autotune import Workload, recall, store
from rinzler.autotune.grid import Cell, Place
from rinzler.autotune.row import Row
from rinzler.config import GPTConfig, TrainConfig

WORKLOAD = Workload(GPTConfig(vocab_size=300), TrainConfig(batch_size=8))
NOW = {"numba": "rinzler-numba 0.1.0", "numpy": "rinzler-numpy 0.1.0"}


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv(store.FOLDER, str(tmp_path))
    return tmp_path


def row(name: str, pace: float, batch_size: int = 8, **changes: object) -> dict[str, object]:
    made = Row(
        Cell(Place(name, NOW[name]), 2, batch_size, 1),
        device="here",
        state="measured",
        tokens=int(pace),
        windows=[[1.0, 1.0, 1.0]],
    )
    return store.record_of(made, WORKLOAD, "1.0", "quick") | changes


def test_the_fastest_row_is_recalled():
    store.keep(WORKLOAD, [row("numpy", 1000), row("numba", 3000)])
    found = recall(WORKLOAD, NOW, "1.0")
    assert found is not None
    assert (found.record["backend"], found.record["tokens_per_second"]) == ("numba", 3000)
    assert found.stale == ()


def test_the_same_batch_counts_more_than_a_faster_one():
    store.keep(WORKLOAD, [row("numpy", 9000, batch_size=64), row("numba", 3000)])
    assert recall(WORKLOAD, NOW, "1.0").record["backend"] == "numba"
    larger = replace(WORKLOAD, training=TrainConfig(batch_size=64))
    assert recall(larger, NOW, "1.0").record["backend"] == "numpy"


def test_a_vocabulary_makes_no_other_model_and_a_width_does():
    store.keep(WORKLOAD, [row("numpy", 1000)])
    other = replace(WORKLOAD, model=GPTConfig(vocab_size=5000))
    assert recall(other, NOW, "1.0") is not None
    wider = replace(WORKLOAD, model=GPTConfig(vocab_size=300, d_model=128))
    assert recall(wider, NOW, "1.0") is None


def test_only_what_was_measured_to_the_end_and_can_be_used_counts():
    rows = [row("numba", 9000, state="failed"), row("numpy", 10)]
    store.keep(WORKLOAD, rows)
    assert recall(WORKLOAD, NOW, "1.0").record["backend"] == "numpy"
    assert recall(WORKLOAD, {"numba": NOW["numba"]}, "1.0") is None


def test_new_rows_take_the_place_of_older_ones_of_the_same_candidate():
    store.keep(WORKLOAD, [row("numpy", 1000), row("numba", 3000)])
    path = store.keep(WORKLOAD, [row("numba", 500)])
    paces = {each["backend"]: each["tokens_per_second"] for each in store.read(path)}
    assert paces == {"numpy": 1000, "numba": 500}


def test_stale_rows_say_what_has_changed_and_come_after_others():
    old = row("numba", 9000, core="0.9")
    old["surroundings"] = {**store.surroundings(), "cpu": "another"}
    store.keep(WORKLOAD, [old])
    found = recall(WORKLOAD, NOW | {"numba": "rinzler-numba 0.2.0"}, "1.0")
    assert found.stale[0] == "core was 0.9 and is 1.0"
    assert found.stale[1] == "numba was rinzler-numba 0.1.0 and is rinzler-numba 0.2.0"
    assert found.stale[2].startswith("cpu was another and is ")
    store.keep(WORKLOAD, [row("numpy", 10)])
    assert recall(WORKLOAD, NOW, "1.0").record["backend"] == "numpy"


def test_lines_that_are_no_rows_are_passed_over():
    path = store.keep(WORKLOAD, [row("numpy", 1000)])
    path.write_bytes(path.read_bytes() + b'{"backend": 3}\nnot JSON\n[1]\n\xff\xfe\n{"cut": ')
    assert [each["backend"] for each in store.read(path)] == ["numpy"]


@pytest.mark.parametrize("name", [*store.TYPES, "tunable"])
def test_a_row_with_a_value_of_another_type_or_without_it_is_none(name):
    path = store.keep(WORKLOAD, [row("numpy", 1000)])
    whole = json.loads(path.read_text(encoding="utf-8"))
    wrong = {"tunables": {"RINZLER_X": 3}} if name == "tunable" else {name: [1]}
    rows = [whole, whole | wrong]
    if name not in ("tunable", "threads"):  # no number of threads is None
        rows.append({key: value for key, value in whole.items() if key != name})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert store.read(path) == [whole]
    assert recall(WORKLOAD, NOW, "1.0").record == whole

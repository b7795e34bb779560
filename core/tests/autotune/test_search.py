"""The whole search, with workers that are processes: who wins, who is out, and why."""

from __future__ import annotations

import json

import pytest

from rinzler.autotune import store
from rinzler.autotune.trial import TrialFailed
from rinzler.autotune.tuner import Tuner


def test_the_slower_of_two_is_dropped_and_the_faster_is_the_command(field, tune):
    field("slow")
    code, out, err = tune("--lr", "0.01", "--steps", "4")
    assert code == 0, err
    head, *lines = out.splitlines()
    assert head.split()[:2] == ["BACKEND", "DEVICE"]
    assert lines[0].startswith("numpy *")
    assert "parity" in lines[0]
    (slow,) = [line for line in lines if line.startswith("slow ")]
    assert "dropped: " in slow
    command = (
        "→ rinzler-train --d-model 16 --layers 1 --context 16 --vocab-size 0 --lr 0.01 "
        "--backend numpy --threads 1 --batch-size 2"
    )
    assert lines[-1] in (
        command,
        command.replace("--batch-size 2", "--batch-size 1 --accumulate 2"),
    )


def test_every_way_to_fail_is_a_row_with_its_reason_and_the_others_go_on(field, rows, kept):
    field("wrong", "hang", "crash", "leave", "refuse", "full", "harm")
    found = rows()
    reasons = {name: row["reason"] for name, row in found.items() if row["state"] == "failed"}
    assert reasons["wrong"].startswith("its first 3 steps differ from numpy's by ")
    assert reasons["wrong"].endswith("See: rinzler check wrong")
    assert reasons["hang"] == "no answer to 'open' within 6 s: killed"
    assert reasons["crash"].startswith("its process ended during 'open' (SIGSEGV)")
    assert reasons["leave"] == "its process ended during 'open' (exit code 7)"
    assert "no such luck" in reasons["refuse"]
    assert "has no" in reasons["full"]
    assert found["harm"]["state"] == "skipped"
    assert found["harm"]["reason"].startswith("broken: its process ended (exit code 8) when it ")
    assert found["numpy"]["state"] == "measured"
    (path,) = kept.iterdir()
    assert {row["backend"] for row in store.read(path)} == set(found)


def test_what_a_plugin_prints_disturbs_no_answer(field, rows):
    field("talk")
    assert rows()["talk"]["state"] in ("measured", "dropped")


def test_tunables_are_tried_one_by_one_and_named_in_the_command(field, tune):
    field("tunable")
    code, out, err = tune("--backend", "tunable", "--batch-sizes", "2", "--json")
    assert code == 0, err
    tried = [json.loads(line)["tunables"] for line in out.splitlines()]
    assert sorted(map(str, tried)) == sorted(
        map(str, [{}, {"RINZLER_TEST_TILE": "8"}, {"RINZLER_TEST_TILE": "16"}])
    )


def test_a_software_device_is_tried_only_where_it_is_named(field, rows):
    field("software")
    found = rows()
    assert found["software"]["state"] == "skipped"
    assert "software, name it to try it" in found["software"]["reason"]
    assert rows("--backend", "software")["software"]["state"] == "measured"


def test_batch_sizes_and_parts_of_a_batch(field, tune):
    field()
    _, out, _ = tune("--json", "--batch-sizes", "3,1")
    sizes = {(row["batch_size"], row["accumulate"]) for row in map(json.loads, out.splitlines())}
    assert sizes == {(3, 1), (1, 1)}
    _, out, _ = tune("--json", "--accumulate", "2")
    sizes = {(row["batch_size"], row["accumulate"]) for row in map(json.loads, out.splitlines())}
    assert sizes == {(4, 1), (2, 2)}


def test_no_time_left_is_said_and_what_is_there_counts(field, rows):
    field("like_numpy")
    found = rows("--time-limit", "0.001")
    assert {row["reason"] for row in found.values()} <= {"no time left", ""}


def test_time_that_is_up_is_up_for_a_backend_that_has_nothing_yet(field, rows, monkeypatch):
    """One that fails at its likeliest setting is not tried at all others after the end."""
    field("like_numpy")
    asked = []

    def overdue(tuner, trial, **request):
        asked.append(request["do"])
        if request["do"] == "prepare":
            tuner._ends = 0.0
            raise TrialFailed("out of memory")
        return trial.ask(30.0, **request)

    monkeypatch.setattr(Tuner, "_ask", overdue)
    found = rows("--batch-sizes", "4,2,1", "--backend", "like_numpy", code=3)
    assert found["like_numpy"]["reason"] == "no time left"
    assert asked.count("prepare") == 1


def test_a_model_that_is_too_large_is_not_tried_in_other_settings(field, rows, monkeypatch):
    field("like_numpy")
    asked = []

    def overdue(tuner, trial, **request):
        asked.append(request["do"])
        limit = 0.0 if request["do"] == "prepare" else 30.0
        return trial.ask(limit, **request)

    monkeypatch.setattr(Tuner, "_ask", overdue)
    found = rows("--batch-sizes", "4,2,1", "--backend", "like_numpy", code=3)
    assert found["like_numpy"]["reason"] == "no answer to 'prepare' within 0 s: killed"
    assert asked.count("prepare") == 1


# --- stopped --------------------------------------------------------------------------------------


@pytest.fixture
def stopping(monkeypatch):
    """Ctrl-C at the n-th measurement."""

    def at(number: int) -> None:
        real, calls = Tuner._measure, []

        def measure(tuner, row):
            calls.append(row)
            if len(calls) == number:
                raise KeyboardInterrupt
            real(tuner, row)

        monkeypatch.setattr(Tuner, "_measure", measure)

    return at


def test_what_was_found_until_ctrl_c_is_kept_and_chooses_nothing(field, tune, kept, stopping):
    field("slow")
    stopping(3)
    code, out, err = tune("--batch-sizes", "4,2", "--plain")
    assert code == 130
    assert err.splitlines()[-1] == "stopped; what was found so far is kept (--show)"
    assert out.splitlines()[1].startswith("numpy ")
    assert "stopped: before it was compared with all others" in out
    assert "→" not in out
    (path,) = kept.iterdir()
    states = [json.loads(line)["state"] for line in path.read_text("utf-8").splitlines()]
    assert "stopped" in states
    assert "measured" not in states
    assert "stopped: before it was compared" in tune("--show")[1]


def test_a_search_that_is_stopped_takes_nothing_away(field, tune, kept, stopping):
    field()
    assert tune("--backend", "numpy")[0] == 0
    (path,) = kept.iterdir()
    before = path.read_text("utf-8")
    stopping(2)
    assert tune("--backend", "numpy", "--batch-sizes", "2,1")[0] == 130
    assert path.read_text("utf-8").startswith(before)


def test_ctrl_c_before_anything_was_found(field, tune, kept, stopping):
    field()
    stopping(1)
    code, out, err = tune("--backend", "numpy")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "stopped"
    assert not kept.exists()


def test_a_folder_that_cannot_be_written_is_named_with_the_reason(field, tune, kept):
    field()
    kept.write_text("a file", encoding="utf-8")
    code, out, err = tune("--backend", "numpy")
    assert code == 0
    assert "→ " in out
    note = err.splitlines()[-1]
    assert note.startswith(f"note: {kept}")
    assert note.endswith("; nothing is remembered")
    assert "Errno" not in note


@pytest.mark.parametrize("flag", ["--plain", "--json"])
def test_nothing_works(field, tune, flag):
    field("refuse")
    code, _, err = tune("--backend", "refuse", flag)
    assert code == 3
    assert "error: no candidate could be measured\n  refuse: " in err
    assert "no such luck" in err


def test_a_backend_that_is_not_there_is_named(field, tune):
    field()
    code, out, err = tune("--backend", "nunpy")
    assert (code, out) == (2, "") or code == 3
    assert 'backend "nunpy" is not installed' in err

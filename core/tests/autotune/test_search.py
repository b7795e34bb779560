"""The whole search, with workers that are processes: who wins, who is out, and why."""

from __future__ import annotations

import json

import pytest

from rinzler.autotune import store


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

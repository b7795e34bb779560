"""Presets: real settings of real flags, nothing else, and said out loud."""

from __future__ import annotations

import pytest

from rinzler.cli.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_same_as_its_flags(name: str, requested) -> None:
    request = requested("--preset", name)
    title, _, flags = request.preset.partition(": ")
    assert title == name
    typed = requested(*flags.split())
    assert typed.preset == ""
    same = ("model", "training", "merges", "val_fraction", "backend", "names")
    assert [getattr(typed, each) for each in same] == [getattr(request, each) for each in same]
    assert set(request.origins) == {*PRESETS[name], "preset"}
    assert set(typed.origins) == set(PRESETS[name])
    request.model.complete(1000)  # heads fit


def test_only_what_is_in_force_is_said(requested) -> None:
    request = requested("--preset", "first-run", "--steps", "60", "--lr", "0.003", "--no-cosine")
    assert "--d-model 128" in request.preset
    for flag in ("--steps", "--lr", "--cosine"):
        assert flag not in request.preset


def test_the_plan_says_what_a_preset_sets(shell) -> None:
    tiny = shell.flags(warmup_steps=2)
    _, _, err = shell("rinzler-train", "fox.txt", *tiny, "--preset", "first-run", "--no-bias")
    assert err.splitlines()[0] == "preset     first-run: --cosine"
    _, _, err = shell("rinzler-train", "fox.txt", *tiny, "--preset=first-run", "--no-cosine")
    assert err.startswith("preset     first-run: every one of its flags is set otherwise\n")
    assert "preset" not in shell("rinzler-train", "fox.txt", *tiny)[2]


def test_unknown_presets(shell) -> None:
    assert shell.refused("rinzler-train", "--preset", "lptop") == (
        2,
        '--preset is "lptop", expected one of first-run, laptop, overnight. Did you mean laptop?',
    )
    code, message = shell.refused("rinzler-train", "--preset", "x")
    assert (code, message[-9:]) == (2, "overnight")


def test_the_help_names_them_all(shell) -> None:
    _, out, _ = shell("rinzler-train", "--help")
    (line,) = [line for line in out.splitlines() if line.startswith("  --preset ")]
    assert all(name in line for name in PRESETS)

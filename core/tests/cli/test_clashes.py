"""Settings that cannot hold together: one line each, exit code 2, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from rinzler.cli.clashes import OBEYS
from rinzler.config import OPTIMIZERS, GPTConfig, TrainConfig
from rinzler.gpt import GPT
from rinzler.optim import optimizer_of

COSINE = "--cosine needs --warmup-steps N, for example --warmup-steps "
MIN_LR = "--min-lr is where --cosine ends: add --cosine, or leave --min-lr out"
QUIET = (
    "--quiet and --json both have a use for stdout: a path, or an object per event. "
    "Leave one out; the last object of --json has the path"
)
PLAIN = "--plain is a form of what --quiet leaves out; give one of them"

CLASHES = [
    (["--cosine"], COSINE + "100"),
    (["--cosine", "--steps", "50"], COSINE + "5"),
    (["--cosine", "--steps", "3"], COSINE + "1"),
    (["--min-lr", "1e-5"], MIN_LR),
    (["--min-lr", "1e-5", "--no-cosine"], MIN_LR),
    (
        ["--optimizer", "sgd", "--beta1", "0.5"],
        "--beta1 means nothing to --optimizer sgd: leave it out",
    ),
    (
        ["--optimizer", "adam", "--weight-decay", "0.2"],
        "--weight-decay means nothing to --optimizer adam: leave it out",
    ),
    (["--quiet", "--json"], QUIET),
    (["--quiet", "--plain"], PLAIN),
]


@pytest.mark.parametrize(("words", "message"), CLASHES, ids=lambda x: " ".join(x)[:30])
def test_a_clash_is_one_line_before_anything_is_read(words: list[str], message: str, shell) -> None:
    assert shell.refused("rinzler-train", "gone.md", *words) == (2, message)
    assert not Path("runs").exists()


FINE = [
    ["--cosine", "--warmup-steps", "5"],
    ["--cosine", "--warmup-steps", "0"],  # whoever says 0 means it
    ["--cosine", "--warmup-steps", "5", "--min-lr", "1e-5"],
    ["--no-cosine"],
    ["--min-lr", "0"],
    ["--plain", "--json"],
    ["--optimizer", "rmsprop", "--beta2", "0.5"],
    ["--optimizer", "momentum", "--beta1", "0.5", "--weight-decay", "0"],
    ["--quiet"],
]


@pytest.mark.parametrize("words", FINE, ids=" ".join)
def test_what_goes_together(words: list[str], requested) -> None:
    requested(*words)


def test_it_is_known_of_every_optimizer_what_it_obeys() -> None:
    assert set(OBEYS) == set(OPTIMIZERS)
    model = GPT(GPTConfig(8, context=4, d_model=8, layers=1, heads=1), device="numpy")
    for name, obeyed in OBEYS.items():
        usual = vars(optimizer_of(model, TrainConfig(optimizer=name)))
        for field in OBEYS["adamw"]:
            changed = vars(optimizer_of(model, TrainConfig(**{"optimizer": name, field: 0.7})))
            assert (scalars(changed) != scalars(usual)) == (field in obeyed), (name, field)


def scalars(facts: dict[str, object]) -> dict[str, object]:
    """What an optimizer was told, without its tensors."""
    return {name: each for name, each in facts.items() if isinstance(each, (int, float, tuple))}


def test_a_run_that_goes_on_has_its_own_schedule(shell) -> None:
    code, message = shell.refused("rinzler-train", "--resume", "runs/gone", "--cosine")
    assert code == 2
    assert message.startswith("--cosine cannot be given with --resume")


def test_all_clashes_come_at_once(shell) -> None:
    words = ("--quiet", "--json", "--plain", "--cosine")
    code, out, err = shell("rinzler-train", "fox.txt", *words)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: these settings do not go together:",
        f"  {QUIET}",
        f"  {PLAIN}",
        f"  {COSINE}100",
    ]
    assert not Path("runs").exists()


def test_a_clash_is_traced_to_where_it_stands(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("run.toml").write_text("cosine = true", encoding="utf-8")
    where = " (--cosine: file run.toml, line 1)"
    assert shell.refused("rinzler-train", "--config", "run.toml") == (2, COSINE + "100" + where)
    monkeypatch.setenv("RINZLER_TRAIN_WARMUP_STEPS", "9")
    assert shell("rinzler-train", "--config", "run.toml", "--show-config")[0] == 0

"""Flags and help: every setting is a flag, every flag is explained, every typo is caught."""

from __future__ import annotations

from dataclasses import fields

import pytest

from rinzler.cli import commands
from rinzler.cli.help import render_help
from rinzler.cli.main import SUMMARIES, command_of
from rinzler.cli.parsing import in_flags, make_app
from rinzler.cli.request import TrainRequest
from rinzler.config import GPTConfig, TrainConfig

COMMANDS = tuple(SUMMARIES)
CHOSEN_LATER = {"vocab_size", "curves"}  # by the tokenizer, and by how a run goes on


# --- settings are flags -----------------------------------------------------------------------


def test_nothing_typed_means_the_defaults_of_the_records(requested) -> None:
    request = requested()
    assert request.training == TrainConfig()
    assert request.model.complete(256) == GPTConfig(256)
    assert request == TrainRequest()
    assert (request.val_fraction, request.backend, request.names) == (0.1, "auto", ())


def test_the_defaults_are_those_of_the_original() -> None:
    training, model = TrainConfig(), GPTConfig(256)
    assert (training.steps, training.lr, training.batch_size) == (1000, 3e-4, 8)
    assert (training.clip_grad, training.gen_every, training.save_every) == (1.0, 200, 500)
    assert (model.context, model.d_model, model.layers, model.heads) == (128, 64, 4, 4)


def other(default: object) -> tuple[list[str], object]:
    """Words that set a field to something else, and what it then is."""
    if isinstance(default, bool):
        return [], not default
    if isinstance(default, int):
        return [str(default + 3)], default + 3
    if isinstance(default, str):
        return ["sgd"], "sgd"
    if default is None:
        return ["35.5"], 35.5
    assert isinstance(default, float)
    return [str(default / 2 + 0.001)], default / 2 + 0.001


NEEDS = {  # what else has to be said
    "cosine": ["--warmup-steps", "5"],
    "min_lr": ["--lr", "1", "--cosine", "--warmup-steps", "5"],
}


def every_field() -> list[tuple[type, str, object]]:
    return [
        (record, field.name, field.default)
        for record in (GPTConfig, TrainConfig)
        for field in fields(record)
        if field.name not in CHOSEN_LATER
    ]


@pytest.mark.parametrize(("record", "name", "default"), every_field(), ids=str)
def test_every_field_is_a_flag(record: type, name: str, default: object, requested) -> None:
    words, expected = other(default)
    flag = name.replace("_", "-")
    flag = f"--no-{flag}" if default is True else f"--{flag}"
    request = requested(flag, *words, *NEEDS.get(name, []))
    part = request.model if record is GPTConfig else request.training
    assert getattr(part, name) == expected


def test_flags_that_are_no_field(requested) -> None:
    request = requested(
        *("a.md", "--corpus", "b*.md", "--corpus=c", "d.md", "--val-fraction", "0.2"),
        *("--no-clip-grad", "--backend", "numpy", "--run-dir", "x", "--plain", "--json"),
    )
    assert request.names == ("a.md", "d.md", "b*.md", "c")
    assert request.val_fraction == 0.2
    assert request.training.clip_grad is None
    assert (request.backend, request.run_dir) == ("numpy", "x")
    assert request.plain
    assert request.json
    assert requested("--quiet").quiet


def test_everything_after_two_dashes_is_a_name(requested) -> None:
    assert requested("--steps", "3", "--", "--help", "-x").names == ("--help", "-x")


# --- help -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_is_explained(name: str) -> None:
    command = command_of(name)
    app = make_app(command)
    page = render_help(app, command, f"rinzler {name}")
    shown = [each for each in app.assemble_argument_collection() if each.show]
    assert shown
    for argument in shown:
        assert argument.parameter.help, argument.names
        assert argument.names[0].removeprefix("--") in page
    assert page.startswith(f"usage: rinzler {name}")
    assert "{program}" not in page
    assert "rinzler.cli" not in page


def test_the_page_of_train_in_groups_with_defaults(shell) -> None:
    code, out, err = shell("rinzler-train", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: rinzler-train [FILES...] [options]\n\nTrain a GPT on text")
    lines = out.splitlines()
    titles = [line for line in lines if line and not line.startswith((" ", "usage", "Train a"))]
    assert titles == ["Text", "Model", "Training", "Run", "Output", "Help"]
    assert "  --steps N               updates in all [1000]" in lines
    assert "  --lr X                  learning rate, at its peak [0.0003]" in lines
    assert "  --[no-]bias             biases in Linear and LayerNorm [yes]" in lines
    assert any(line.startswith("  --clip-grad X, --no-clip-grad") for line in lines)
    assert max(map(len, lines)) <= 100
    sizes = [len(group.splitlines()) for group in out.split("\n\n")]
    assert max(sizes) <= 24  # a group fits on the smallest screen
    assert shell("rinzler-train", "notes.md", "-h") == (code, out, err)
    assert shell("rinzler", "train", "--help")[1].startswith("usage: rinzler train [FILES...]")


def test_the_page_fits_a_narrow_terminal(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = shell("rinzler-train", "--help")
    options = out[out.index("\nText\n") :].splitlines()
    assert max(map(len, options)) <= 60


def test_the_overview(shell) -> None:
    code, out, _ = shell("rinzler")
    assert code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in out
    assert shell("rinzler", "--help")[1] == out
    assert shell("/x/rinzler/__main__.py", "-h")[1].startswith("usage: python -m rinzler COMMAND")


def test_the_version(shell) -> None:
    from rinzler import __version__

    for words in (("rinzler",), ("rinzler-train",), ("rinzler", "backends")):
        assert shell(*words, "--version") == (0, f"rinzler {__version__}\n", "")


# --- mistakes ---------------------------------------------------------------------------------

MISTAKES = [
    (["--laeyrs", "3"], "unknown option --laeyrs. Did you mean --layers?"),
    (["--stesp=3"], "unknown option --stesp. Did you mean --steps?"),
    (["--zzz"], "unknown option --zzz."),
    (["-q"], "unknown option -q."),
    (["--no-heads"], "unknown option --no-heads. Did you mean --heads?"),
    (["--steps", "many"], "--steps is 'many', expected a whole number."),
    (["--steps", "1.5"], "--steps is '1.5', expected a whole number."),
    (["--lr", "fast"], "--lr is 'fast', expected a number."),
    (["--clip-grad", "x"], "--clip-grad is 'x', expected a number."),
    (["--cosine=perhaps"], "--cosine is 'perhaps', expected yes or no."),
    (["--steps"], "--steps needs a value, a whole number."),
    (["--seed", "1", "--seed", "2"], "--seed is there twice; give it once."),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=lambda x: str(x)[:20])
def test_a_mistake_is_one_line_and_a_pointer(
    words: list[str], message: str, shell, requests: list[TrainRequest]
) -> None:
    code, out, err = shell("rinzler-train", *words)
    assert (code, out) == (2, "")
    assert err == f"error: {message} All options: rinzler-train --help\n"
    assert not requests


RANGES = [
    (["--steps", "0"], "--steps is 0, expected a whole number of at least 1"),
    (["--lr", "-1"], "--lr is -1.0, expected a number above 0"),
    (["--min-lr", "1"], "--min-lr is 1.0, expected 0 ≤ --min-lr ≤ lr, 0.0003"),
    (["--beta2", "1"], "--beta2 is 1.0, expected 0 ≤ beta2 < 1"),
    (["--beta1", "-0.1"], "--beta1 is -0.1, expected 0 ≤ beta1 < 1"),
    (["--weight-decay", "-1"], "--weight-decay is -1.0, expected 0 or more"),
    (["--weight-decay", "inf"], "--weight-decay is inf, expected 0 or more"),
    (["--clip-grad", "0"], "--clip-grad is 0.0, expected a number above 0, or none"),
    (["--clip-grad", "nan"], "--clip-grad is nan, expected a number above 0, or none"),
    (
        ["--cosine", "--warmup-steps", "1000"],
        "the cosine needs steps after the warmup: --warmup-steps is 1000, --steps is 1000",
    ),
]


@pytest.mark.parametrize(("words", "message"), RANGES, ids=lambda x: str(x)[:20])
def test_a_value_out_of_range_is_named_as_it_was_shell(
    words: list[str], message: str, shell
) -> None:
    assert shell("rinzler-train", *words) == (2, "", f"error: {message}\n")


def test_plain_words_in_a_message_stay_words() -> None:
    app = make_app(commands.train)
    message = "heads 5 does not divide d_model 64; use 4 or 8 heads. Lower the context to 12"
    assert in_flags(message, app) == (
        "--heads 5 does not divide --d-model 64; use 4 or 8 heads. Lower the context to 12"
    )
    assert in_flags("--d-model is 3 (context 4 + 1)", app) == "--d-model is 3 (--context 4 + 1)"


def test_too_many_arguments_and_unknown_commands(shell) -> None:
    code, _, err = shell("rinzler-generate", "a", "b")
    assert code == 2
    assert err == "error: 'b' is one argument too many. All options: rinzler-generate --help\n"
    code, out, err = shell("rinzler", "trian", "notes.md")
    assert (code, out) == (2, "")
    assert err == (
        'error: there is no command "trian". Did you mean train? '
        "(commands: train, generate, eval, runs, convert, backends, doctor, autotune, check, "
        "new-backend, warmup)\n"
    )
    assert "Did you mean" not in shell("rinzler", "zzz")[2]

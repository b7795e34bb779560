"""Who decides: preset < file < environment < flag, for flags of every type."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rinzler.cli import commands, values
from rinzler.cli.environment import variable
from rinzler.cli.known import Known, name_of
from rinzler.cli.parsing import make_app
from rinzler.cli.presets import PRESETS
from rinzler.cli.request import TrainRequest

PRESET, FILE, ENVIRONMENT, FLAG = 192, 193, 194, 195  # --d-model, as each layer has it


def write(text: str, name: str = "run.toml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


# --- one above the other ----------------------------------------------------------------------


@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("environment", [False, True])
@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("preset", [False, True])
def test_the_strongest_layer_wins(
    preset: bool, file: bool, environment: bool, flag: bool, requested, monkeypatch
) -> None:
    words: list[str] = []
    expected, origin = 64, None
    if preset:
        words += ["--preset", "laptop"]
        expected, origin = PRESET, "preset laptop"
    if file:
        words += ["--config", write(f"\nd-model = {FILE}\n")]
        expected, origin = FILE, "file run.toml, line 2"
    if environment:
        monkeypatch.setenv("RINZLER_TRAIN_D_MODEL", str(ENVIRONMENT))
        expected, origin = ENVIRONMENT, "environment RINZLER_TRAIN_D_MODEL"
    if flag:
        words += ["--d-model", str(FLAG)]
        expected, origin = FLAG, "flag"
    request = requested(*words)
    assert PRESETS["laptop"]["d-model"] == PRESET
    assert request.model.d_model == expected
    assert request.origins.get("d-model") == origin


def test_layers_add_up(requested, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINZLER_TRAIN_LAYERS", "3")
    request = requested("--preset", "laptop", "--config", write("seed = 7"), "--beta1", "0.8")
    training, laptop = request.training, PRESETS["laptop"]
    assert (training.seed, training.beta1, request.model.layers) == (7, 0.8, 3)
    assert (training.steps, training.lr) == (laptop["steps"], laptop["lr"])
    assert training.cosine is True
    assert training.weight_decay == 0.1


def test_every_layer_may_name_the_next(requested, monkeypatch: pytest.MonkeyPatch) -> None:
    write('preset = "laptop"\nd-model = 193')
    monkeypatch.setenv("RINZLER_TRAIN_CONFIG", "run.toml")
    request = requested()
    assert (request.model.d_model, request.model.context) == (193, PRESETS["laptop"]["context"])
    assert requested("--preset", "first-run").preset.startswith("first-run: ")
    assert requested("--config", write("layers = 1", "other.toml")).model.d_model == 64


def test_a_flag_takes_back_what_a_weaker_layer_says(
    requested, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("bias = false\ncosine = true\nwarmup-steps = 5\nclip-grad = false\ndiv-crit = 30")
    monkeypatch.setenv("RINZLER_TRAIN_TIE_WEIGHTS", "no")
    flags = ("--bias", "--no-cosine", "--clip-grad", "2", "--no-div-crit", "--tie-weights")
    request = requested("--config", "run.toml", *flags)
    training = request.training
    assert (request.model.bias, request.model.tie_weights) == (True, True)
    assert (training.cosine, training.clip_grad, training.div_crit) == (False, 2.0, None)
    assert training.warmup_steps == 5


def test_files_that_are_typed_replace_the_corpus_of_a_layer(requested) -> None:
    write('corpus = ["a.md", "b.md"]')
    assert requested("--config", "run.toml").names == ("a.md", "b.md")
    assert requested("--config", "run.toml", "c.md").names == ("c.md",)
    assert requested("--config", "run.toml", "--corpus", "d.md").names == ("d.md",)
    assert requested("--config", write('corpus = "e.md"')).names == ("e.md",)


# --- every flag, everywhere -------------------------------------------------------------------

SAMPLES = {int: "17", float: "0.25", str: "word", tuple: "word", bool: None}
CHOICES = {"optimizer": "sgd"}  # where not every word will do
NEEDED = "warmup-steps = 5\nlr = 1.0\ncosine = true\n"
FOR_A_RESUME = ("schedule", "strict")
NOT_HERE = ("show-config", "config", "preset", "quiet")  # say what happens, or clash


def every_setting() -> list[str]:
    arguments = make_app(commands.train).assemble_argument_collection()
    return [name for name in Known(arguments, lambda flag: "").settings if name not in NOT_HERE]


@pytest.mark.parametrize("name", every_setting())
def test_a_file_and_a_variable_say_the_same_as_the_flag(
    name: str, requested, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = make_app(commands.train).assemble_argument_collection()
    (argument,) = [each for each in arguments if each.show and name_of(each) == name]
    kind = values.kind_of(argument)
    text = CHOICES.get(name, SAMPLES[kind])
    turned = not argument.field_info.default
    flag = [f"--{name}" if turned else f"--no-{name}"] if text is None else [f"--{name}", text]
    word = text or ("yes" if turned else "no")
    value = json.dumps(text if kind in (str, tuple) else turned if text is None else kind(text))
    needed = "".join(line for line in NEEDED.splitlines(True) if not line.startswith(f"{name} "))
    needed += 'resume = "runs/x"\n' if name in FOR_A_RESUME else ""
    write(needed, "needed.toml")
    write(f"{needed}[run]\n{name.replace('-', '_')} = {value}")

    def settled(*words: str) -> TrainRequest:
        return replace(requested(*words), origins={})

    typed = settled("--config", "needed.toml", *flag)
    without = NEEDED if name == "warmup-steps" else needed
    assert typed != settled("--config", write(without, "without.toml"))
    assert settled("--config", "run.toml") == typed
    monkeypatch.setenv(variable(name), word)
    assert settled("--config", "needed.toml") == typed


def test_what_may_be_switched_off_may_be_so_everywhere(
    requested, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert requested("--config", write("clip-grad = false")).training.clip_grad is None
    monkeypatch.setenv("RINZLER_TRAIN_CLIP_GRAD", "no")
    assert requested().training.clip_grad is None
    monkeypatch.setenv("RINZLER_TRAIN_CLIP_GRAD", "0.5")
    assert requested().training.clip_grad == 0.5


# --- the environment --------------------------------------------------------------------------

VARIABLES = [
    ("LAEYRS", "3", "there is no setting for the variable {}. Did you mean RINZLER_TRAIN_LAYERS?"),
    ("zzz", "3", "there is no setting for the variable {}. All: rinzler-train --show-config"),
    ("steps", "3", "there is no setting for the variable {}. Did you mean RINZLER_TRAIN_STEPS?"),
    ("NO_BIAS", "1", "there is no setting for the variable {}. Write RINZLER_TRAIN_BIAS=no"),
    ("STEPS", "many", "{}=many, expected a whole number"),
    ("STEPS", "1.5", "{}=1.5, expected a whole number"),
    ("STEPS", "no", "{}=no, expected a whole number"),
    ("LR", "fast", "{}=fast, expected a number"),
    ("CLIP_GRAD", "off", "{}=off, expected a number, or no"),
    ("COSINE", "maybe", "{}=maybe, expected yes or no"),
    (
        *("PRESET", "overnigth"),
        '--preset is "overnigth", expected one of first-run, laptop, overnight. Did you mean '
        "overnight? (--preset: environment {})",
    ),
]


@pytest.mark.parametrize(("name", "value", "message"), VARIABLES, ids=lambda x: str(x)[:20])
def test_a_variable_that_is_wrong_stops_the_command(
    name: str, value: str, message: str, shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RINZLER_TRAIN_{name}", value)
    assert shell.refused("rinzler-train", "fox.txt") == (2, message.format(f"RINZLER_TRAIN_{name}"))
    assert not Path("runs").exists()


def test_an_empty_variable_says_nothing(requested, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINZLER_TRAIN_STEPS", "")
    monkeypatch.setenv("RINZLER_TRAIN_LAEYRS", "")
    monkeypatch.setenv("RINZLER_TRAIN_CONFIG", "")
    assert requested().origins == {}


def test_yes_and_no_in_words(requested, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {}
    for word in ("yes", "TRUE", "1", "no", "False", "0"):
        monkeypatch.setenv("RINZLER_TRAIN_BIAS", word)
        said[word] = requested().model.bias
    assert said == {"yes": True, "TRUE": True, "1": True, "no": False, "False": False, "0": False}


def test_the_other_commands_have_no_variables(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINZLER_TRAIN_LAEYRS", "3")
    assert shell("rinzler", "backends")[0] == 0
    assert shell("rinzler-train", "--help")[0] == 0


def test_the_backend_of_the_environment_is_stronger_than_a_file(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    write('backend = "nmpy"')
    words = ("rinzler-train", "fox.txt", "--config", "run.toml")
    code, message = shell.refused(*words)
    assert (code, message[:37]) == (3, 'backend "nmpy" is not installed. Did ')
    monkeypatch.setenv("RINZLER_BACKEND", "nmupy")
    assert shell.refused(*words)[1].startswith('backend "nmupy" (from RINZLER_BACKEND) is not')
    monkeypatch.setenv("RINZLER_TRAIN_BACKEND", "numyp")
    assert shell.refused(*words)[1].startswith('backend "numyp" is not installed')
    assert shell.refused(*words, "--backend", "npy")[1].startswith('backend "npy" is not')
    monkeypatch.delenv("RINZLER_TRAIN_BACKEND")
    monkeypatch.setenv("RINZLER_BACKEND", "auto")
    assert shell.refused(*words)[1].startswith('backend "nmpy" is not installed')


# --- where a value came from ------------------------------------------------------------------


def test_a_value_out_of_range_is_traced_to_where_it_stands(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("layers = 2\nsteps = 0")
    words = ("rinzler-train", "fox.txt", "--config", "run.toml")
    expected = "--steps is 0, expected a whole number of at least 1"
    assert shell.refused(*words) == (2, f"{expected} (--steps: file run.toml, line 2)")
    assert shell.refused(*words, "--steps", "0") == (2, expected)
    monkeypatch.setenv("RINZLER_TRAIN_HEADS", "5")
    assert shell.refused(*words, "--steps", "9", "--preset", "laptop", "--warmup-steps", "1") == (
        2,
        "--heads 5 does not divide --d-model 192 (38.4 each); use 3, 4 or 6 heads "
        "(--heads: environment RINZLER_TRAIN_HEADS; --d-model: preset laptop)",
    )
    assert not Path("runs").exists()


def test_mistakes_of_all_layers_come_together(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINZLER_TRAIN_LAEYRS", "3")
    monkeypatch.setenv("RINZLER_TRAIN_PRESET", "big")
    write("steps = 1.5\n\n[model]\nhaeds = 2")
    code, out, err = shell("rinzler-train", "fox.txt", "--config", "run.toml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: 4 settings cannot be used:",
        "  there is no setting for the variable RINZLER_TRAIN_LAEYRS. "
        "Did you mean RINZLER_TRAIN_LAYERS?",
        "  run.toml, line 1: steps = 1.5, expected a whole number",
        '  run.toml, line 4: there is no setting "haeds". Did you mean heads?',
        '  --preset is "big", expected one of first-run, laptop, overnight '
        "(--preset: environment RINZLER_TRAIN_PRESET)",
    ]
    assert not Path("runs").exists()


def test_a_mistyped_flag_is_said_first(shell) -> None:
    write("steps = 1.5")
    _, message = shell.refused("rinzler-train", "--config", "run.toml", "--laeyrs", "3")
    assert message.startswith("unknown option --laeyrs. Did you mean --layers?")

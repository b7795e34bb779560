"""`--config`: what a file may hold, and every way in which it may be wrong, with the line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rinzler.cli import commands
from rinzler.cli.known import Known
from rinzler.cli.parsing import make_app
from rinzler.cli.tomlfile import lines_of


def refused(shell, text: str | bytes) -> str:
    """What `rinzler-train` says of this file; it must leave nothing behind."""
    data = text.encode() if isinstance(text, str) else text
    Path("run.toml").write_bytes(data)
    code, message = shell.refused("rinzler-train", "fox.txt", "--config", "run.toml")
    assert code == 2
    assert Path("run.toml").read_bytes() == data
    assert sorted(path.name for path in Path().iterdir()) == ["fox.txt", "run.toml"]
    return message


def test_the_table_makes_no_difference(requested) -> None:
    forms = [
        "d-model = 32",
        "d_model = 32",
        '"d-model" = 32',
        "[model]\nd-model = 32",
        "[training]\nd-model = 32",
        "model.d-model = 32",
        "model = {d-model = 32}",
        "[text]\n[run]\n[output]\n[model]\nd_model = 32  # the width",
    ]
    for form in forms:
        Path("run.toml").write_text(form, encoding="utf-8")
        assert requested("--config", "run.toml").model.d_model == 32, form


def test_files_as_editors_on_every_system_write_them(requested) -> None:
    Path("run.toml").write_bytes("\ufeff# größer\r\nsteps = 3\r\n\r\nseed = 4".encode())
    training = requested("--config", "run.toml").training
    assert (training.steps, training.seed) == (3, 4)
    Path("run.toml").write_bytes(b"")
    assert requested("--config", "run.toml").origins == {"config": "flag"}


def test_numbers_are_taken_as_they_are_meant(requested) -> None:
    text = "lr = 1\nmin-lr = 1e-5\ncosine = true\nwarmup-steps = 1_0\nclip-grad = 2"
    Path("run.toml").write_text(text, encoding="utf-8")
    training = requested("--config", "run.toml").training
    assert (training.lr, training.min_lr, training.warmup_steps) == (1.0, 1e-5, 10)
    assert [type(each) for each in (training.lr, training.clip_grad)] == [float, float]


WRONG = [
    ("laeyrs = 3", 'there is no setting "laeyrs". Did you mean layers?'),
    ("mode_l = 3", 'there is no setting "mode_l". Did you mean d-model?'),
    ("zzzzzz = 3", 'there is no setting "zzzzzz". All: rinzler-train --show-config'),
    ("no-bias = true", 'there is no setting "no-bias". Write bias = false'),
    ("no_clip_grad = true", 'there is no setting "no_clip_grad". Write clip-grad = false'),
    ("files = 'a'", 'there is no setting "files". All: rinzler-train --show-config'),
    ("vocab_size = 'x'", 'vocab-size = "x", expected a whole number'),
    ("steps = '9'", 'steps = "9", expected a whole number'),
    ("steps = 9.0", "steps = 9.0, expected a whole number"),
    ("steps = true", "steps = true, expected a whole number"),
    ("steps = [1, 2]", "steps = [1, 2], expected a whole number"),
    ("lr = 'fast'", 'lr = "fast", expected a number'),
    ("lr = false", "lr = false, expected a number"),
    ("clip-grad = true", "clip-grad = true, expected a number, or false"),
    ("cosine = 1", "cosine = 1, expected true or false"),
    ("cosine = 'yes'", 'cosine = "yes", expected true or false'),
    ("backend = 3", 'backend = 3, expected some text, "in quotes"'),
    ("run-dir = false", 'run-dir = false, expected some text, "in quotes"'),
    ("corpus = 3", 'corpus = 3, expected some text, "in quotes", or a list, ["of", "it"]'),
    ("corpus = ['a', 3]", 'corpus = ["a", 3], expected some text, "in quotes", or a list, '),
    ("seed = 2026-01-01", 'seed = "2026-01-01", expected a whole number'),
    ("config = 'x'", "config belongs on the command line: --config"),
    ("show-config = true", "show-config belongs on the command line: --show-config"),
    ("preset = 'big'", '--preset is "big", expected one of first-run, laptop, overnight'),
    ("[modle]", "there is no table [modle]. Did you mean [model]?"),
    ("[zzz]\nx = 1", "there is no table [zzz]. There are: [model], [output], [run], [text], ["),
    ("model.x.y = 1", "there is no table [model.x]. There are: [model]"),
    ("steps = {}", "there is no table [steps]. There are: [model]"),
    ("[[model]]", 'there is no setting "model". Did you mean d-model?'),
]


@pytest.mark.parametrize(("line", "message"), WRONG, ids=lambda x: str(x)[:20])
def test_a_mistake_is_one_line_that_says_which(line: str, message: str, shell) -> None:
    """On line 3 of the file."""
    before = "weight-decay = 1\n\n"
    said = refused(shell, before + line)
    if "preset" not in line:
        assert said.startswith("run.toml, line 3: ")
        said = said.removeprefix("run.toml, line 3: ")
    assert said.startswith(message)


def test_the_same_setting_twice(shell) -> None:
    text = "d-model = 3\n[model]\n\nd_model = 4"
    assert refused(shell, text) == ("run.toml, line 4: d-model stands in line 1 too; give it once")
    said = refused(shell, "seed = 3\nseed = 4")
    assert said.startswith("--config: run.toml is not TOML: Cannot overwrite a value (at ")


def test_many_mistakes_at_once(shell) -> None:
    text = "steps = 'x'\n[model]\nlayers = [\n  1,\n]\nheads = 1.5\n[modle]\na = 1\nb = 2\n"
    Path("run.toml").write_text(text, encoding="utf-8")
    code, out, err = shell("rinzler-train", "fox.txt", "--config", "run.toml")
    assert (code, out) == (2, "")
    assert err == (
        "error: 4 settings cannot be used:\n"
        '  run.toml, line 1: steps = "x", expected a whole number\n'
        "  run.toml, line 3: layers = [1], expected a whole number\n"
        "  run.toml, line 6: heads = 1.5, expected a whole number\n"
        "  run.toml, line 7: there is no table [modle]. Did you mean [model]?\n"
    )


UNREADABLE = [
    (b"steps = fast", "is not TOML: Invalid value (at line 1, column 9). One setting a line, as "),
    (b"steps", "is not TOML: Expected '=' after a key in a key/value pair (at "),
    (b'{"steps": 3}', "is not TOML: Invalid statement (at line 1, column 1)"),
    (b"name = '\xe9'", "is not UTF-8: byte 0xe9 at offset 8. Save it as UTF-8"),
    ("steps = 3".encode("utf-16"), "is not UTF-8: byte 0xff at offset 0. Save it as UTF-8"),
]


@pytest.mark.parametrize(("data", "message"), UNREADABLE, ids=lambda x: str(x)[:20])
def test_a_file_that_cannot_be_read(data: bytes, message: str, shell) -> None:
    assert refused(shell, data).startswith(f"--config: run.toml {message}")


def test_a_file_that_is_not_there(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = (
        "--config: there is no file gone.toml. This makes one, to be changed: "
        "rinzler-train --show-config > gone.toml"
    )
    assert shell.refused("rinzler-train", "--config", "gone.toml") == (2, expected)
    monkeypatch.setenv("RINZLER_TRAIN_CONFIG", "gone.toml")
    traced = f"{expected} (--config: environment RINZLER_TRAIN_CONFIG)"
    assert shell.refused("rinzler-train") == (2, traced)


def test_a_file_that_the_system_refuses(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    message = "--config: fox.txt cannot be read: Permission denied"
    assert shell.refused("rinzler-train", "--config", "fox.txt") == (2, message)


@pytest.mark.skipif(os.name == "nt", reason="Windows says that permission is denied")
def test_a_folder_is_no_file(shell) -> None:
    message = "--config: . cannot be read: Is a directory"
    assert shell.refused("rinzler-train", "--config", ".") == (2, message)


# --- lines ------------------------------------------------------------------------------------

DOCUMENT = '''\
# a comment
steps = 1
"lr" = [
  1, # = 2
  2]

  [model]  # here
d-model = """
layers = 3
[training]
"""
heads.x = 1
heads.y = 1

[training]
a = {b = 1}
'''


def test_the_line_of_everything() -> None:
    assert lines_of(DOCUMENT) == {
        ("steps",): 2,
        ("lr",): 3,
        ("model",): 7,
        ("model", "d-model"): 8,
        ("model", "heads"): 12,
        ("training",): 15,
        ("training", "a"): 16,
    }
    assert lines_of("a = 1\u2028") == {}  # no TOML
    assert lines_of('a = "\u2028\x85"\nb = 1') == {("a",): 1, ("b",): 2}


# --- plugins ----------------------------------------------------------------------------------


def test_tables_are_the_groups_of_the_help_page(shell) -> None:
    arguments = make_app(commands.train).assemble_argument_collection()
    tables = Known(arguments, lambda flag: "").tables
    _, out, _ = shell("rinzler-train", "--help")
    titles = {line.lower() for line in out.splitlines() if line.isalpha()}
    assert tables == titles - {"help"}

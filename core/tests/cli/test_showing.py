"""`--show-config`: all settings with their origins, as a file that says the same again."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from rinzler.cli import commands
from rinzler.cli.help import render_help
from rinzler.cli.known import Known
from rinzler.cli.parsing import make_app

WORDS = (
    *("--preset", "laptop", "--seed", "7", "--no-clip-grad", "--config", "run.toml", "fox.txt"),
    *("--corpus", 'a "b"\\c.md', "--no-bias"),
)


@pytest.fixture
def layered(shell, monkeypatch: pytest.MonkeyPatch):
    """A command that every layer has something to say about."""
    Path("run.toml").write_text("layers = 2\n[training]\ndiv-crit = 40\n", encoding="utf-8")
    monkeypatch.setenv("RINZLER_TRAIN_BATCH_SIZE", "5")
    monkeypatch.setenv("RINZLER_BACKEND", "numpy")
    return shell


def test_every_setting_with_its_origin(layered) -> None:
    code, out, err = layered("rinzler-train", "--show-config", *WORDS)
    assert (code, err) == (0, "")
    assert not Path("runs").exists()
    lines = [re.sub(" +", " ", line) for line in out.splitlines()]
    for line in (
        'corpus = ["fox.txt", "a \\"b\\"\\\\c.md"] # flag',
        "val-fraction = 0.1 # default",
        "d-model = 192 # preset laptop",
        "layers = 2 # file run.toml, line 1",
        "bias = false # flag",
        "lr = 0.002 # preset laptop",
        "batch-size = 5 # environment RINZLER_TRAIN_BATCH_SIZE",
        "cosine = true # preset laptop",
        "clip-grad = false # flag",
        "div-crit = 40.0 # file run.toml, line 3",
        "seed = 7 # flag",
        'backend = "numpy" # environment RINZLER_BACKEND',
        "# run-dir = # default",
        '# config = "run.toml" # flag',
        'preset = "laptop" # flag',
    ):
        assert line in lines


def test_it_is_aligned(layered) -> None:
    _, out, _ = layered("rinzler-train", "--show-config", "--preset", "laptop", "--quiet")
    settings = [line for line in out.splitlines()[1:] if line and not line.startswith("[")]
    assert len({line.index("=") for line in settings}) == 1
    assert len({line.rindex("#") for line in settings}) == 1
    assert max(map(len, settings)) < 80


def test_nothing_is_left_out(shell) -> None:
    _, out, _ = shell("rinzler-train", "--show-config")
    names = re.findall(r"^(?:# )?([a-z][a-z0-9-]*) +=", out, re.MULTILINE)
    app = make_app(commands.train)
    assert names == [
        name
        for name in Known(app.assemble_argument_collection(), lambda flag: "").settings
        if name != "show-config"
    ]
    page = render_help(app, commands.train, "rinzler-train")
    assert all(name in page for name in names)
    assert "# flag" not in out


def test_what_it_prints_is_a_file_that_says_the_same(layered) -> None:
    def values(*words: str) -> dict[str, object]:
        code, out, err = layered("rinzler-train", "--show-config", "--json", *words)
        assert (code, err) == (0, "")
        said = {name: each["value"] for name, each in json.loads(out).items()}
        return {name: said[name] for name in said if name not in ("json", "config")}

    _, out, _ = layered("rinzler-train", "--show-config", *WORDS)
    Path("again.toml").write_text(out, encoding="utf-8")
    assert tomllib.loads(out)["training"]["div-crit"] == 40.0
    before = values(*WORDS)
    for name in ("RINZLER_TRAIN_BATCH_SIZE", "RINZLER_BACKEND"):
        layered.patch.delenv(name)
    assert values("--config", "again.toml") == before
    _, out, _ = layered("rinzler-train", "--show-config", "--config", "again.toml")
    origins = {line.rpartition("# ")[2].partition(",")[0] for line in out.splitlines()[1:]}
    origins -= {"", *(f"[{table}]" for table in ("text", "model", "training", "run", "output"))}
    assert origins == {"default", "file again.toml", "flag"}  # what was open, and --config


def test_as_json(layered) -> None:
    code, out, err = layered("rinzler-train", "--show-config", "--json", *WORDS)
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["d-model"] == {"value": 192, "origin": "preset laptop"}
    assert said["clip-grad"] == {"value": None, "origin": "flag"}
    assert said["corpus"] == {"value": ["fox.txt", 'a "b"\\c.md'], "origin": "flag"}
    assert said["backend"] == {"value": "numpy", "origin": "environment RINZLER_BACKEND"}
    assert said["run-dir"] == {"value": None, "origin": "default"}
    assert "show-config" not in said


def test_settings_that_cannot_be_used_are_not_shown(shell) -> None:
    assert shell.refused("rinzler-train", "--show-config", "--lr", "0")[0] == 2
    assert shell.refused("rinzler-train", "--show-config", "--cosine")[0] == 2

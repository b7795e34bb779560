"""docs/settings.md is kept true: its example is run, its names and its table are the real ones."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from rinzler.cli import commands
from rinzler.cli.environment import variable
from rinzler.cli.known import Known
from rinzler.cli.parsing import make_app
from rinzler.cli.presets import PRESETS
from rinzler.cli.showing import TITLE


def test_the_example_is_a_settings_file(blocks, shell) -> None:
    (example,) = blocks("toml")
    Path("run.toml").write_text(example, encoding="utf-8")
    words = ("--config", "run.toml", "--show-config", "--json")
    code, out, err = shell("rinzler-train", *words)
    assert (code, err) == (0, "")
    said = json.loads(out)
    from_file = {name for name in said if said[name]["origin"].startswith("file run.toml")}
    assert from_file == {
        *("preset", "corpus", "vocab-size", "context", "bias", "steps", "lr", "clip-grad"),
        *("seed", "backend"),
    }
    assert said["corpus"]["value"] == ["notes/*.md", "letters"]
    assert (said["bias"]["value"], said["clip-grad"]["value"]) == (False, None)
    assert said["lr"]["value"] == 2e-3
    assert said["d-model"]["origin"] == "preset laptop"


def test_the_commands_of_the_page_work(blocks, shell) -> None:
    Path("run.toml").write_text("steps = 5", encoding="utf-8")
    lines = [line for block in blocks() for line in block.splitlines()]
    typed = [line for line in lines if line.startswith("rinzler-train ")]
    assert len(typed) == 2
    for line in typed:
        code, out, _ = shell(*shlex.split(line.partition(" >")[0]))
        assert code == 0
        assert out.startswith(TITLE)


def test_the_errors_of_the_page_are_the_real_ones(blocks, shell) -> None:
    text = "# one\n# two\n# three\n# four\nlaeyrs = 3\n\n\n\nsteps = 'many'\n"
    Path("run.toml").write_text(text, encoding="utf-8")
    code, _, err = shell("rinzler-train", "--config", "run.toml")
    assert code == 2
    assert err in blocks()


def test_the_names_of_the_page_exist(page: str) -> None:
    arguments = make_app(commands.train).assemble_argument_collection()
    settings = Known(arguments, lambda flag: "").settings
    known = {variable(name) for name in settings}
    named = set(re.findall(r"RINZLER_TRAIN_[A-Z_]*[A-Z]", page))
    assert len(named) >= 5
    assert named <= known
    flags = {name for each in settings.values() for name in each.names} | {"--help", "--csv-every"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", page)) <= flags


def test_the_table_of_presets(page: str) -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| `(--[^`]+)` \|$", page, re.MULTILINE))
    assert list(rows) == list(PRESETS)
    for name, flags in rows.items():
        words = flags.split()
        said = {}
        for word, after in zip(words, [*words[1:], "--"], strict=True):
            if word.startswith("--"):
                said[word[2:]] = True if after.startswith("--") else float(after)
        assert said == PRESETS[name]

"""Options of plugins in a settings file and in the environment: as any other setting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

OPTIONS = """
from dataclasses import dataclass, field
from pathlib import Path

def option(default):
    return field(default=default, metadata={"help": "as it says"})

@dataclass(frozen=True)
class Options:
    every: int = option(10)
    loud: bool = option(True)
    rate: float = option(0.5)
    path: Path | None = option(None)
    most: int | None = option(None)
    steps: int = option(1)

@hookimpl
def rinzler_options():
    return Options
"""

Shown = Callable[..., dict[str, tuple[object, str]]]


@pytest.fixture
def typed(site, train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`rinzler-train` with these words, where the plugin `log` is installed."""
    monkeypatch.chdir(tmp_path)
    site.install_plugin("log", OPTIONS)
    return train


@pytest.fixture
def shown(typed) -> Shown:
    """Value and origin of each setting of the plugin that a file sets."""

    def show(text: str, *words: str) -> dict[str, tuple[object, str]]:
        Path("run.toml").write_text(text, encoding="utf-8")
        code, out, err = typed("--config", "run.toml", "--show-config", "--json", *words)
        assert (code, err) == (0, "")
        said = {name: (each["value"], each["origin"]) for name, each in json.loads(out).items()}
        return {name: said[name] for name in said if said[name][1] not in ("default", "flag")}

    return show


def test_a_table_of_the_plugins_name(shown: Shown) -> None:
    text = "[log]\nevery = 3\nloud = false\nrate = 2\npath = 'a/b'\nlog-most = 7"
    assert shown(text) == {
        "log-every": (3, "file run.toml, line 2"),
        "log-loud": (False, "file run.toml, line 3"),
        "log-rate": (2.0, "file run.toml, line 4"),
        "log-path": (str(Path("a/b")), "file run.toml, line 5"),
        "log-most": (7, "file run.toml, line 6"),
    }


def test_a_plugins_table_means_the_plugin_first(shown: Shown) -> None:
    origin = "file run.toml, line 2"
    assert shown("[log]\nsteps = 9") == {"log-steps": (9, origin)}
    assert shown("[log]\nseed = 9") == {"seed": (9, origin)}
    assert shown("[training]\nsteps = 9") == {"steps": (9, origin)}
    assert shown("\nlog_every = 9") == {"log-every": (9, origin)}


def test_variables_and_flags_are_stronger(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINZLER_TRAIN_LOG_EVERY", "4")
    monkeypatch.setenv("RINZLER_TRAIN_LOG_PATH", "c")
    text = "[log]\nevery = 3\nrate = 1.5"
    variables = {
        "log-every": (4, "environment RINZLER_TRAIN_LOG_EVERY"),
        "log-path": ("c", "environment RINZLER_TRAIN_LOG_PATH"),
    }
    assert shown(text) == variables | {"log-rate": (1.5, "file run.toml, line 3")}
    del variables["log-every"]
    assert shown(text, "--log-every", "5", "--log-rate", "9") == variables


MISTAKES = [
    ("[log]\nevry = 3", 'run.toml, line 2: there is no setting "evry". Did you mean log-every?'),
    ("[log]\nevery = 'x'", 'run.toml, line 2: log-every = "x", expected a whole number'),
    ("[log]\npath = 3", 'run.toml, line 2: log-path = 3, expected a path, "in quotes"'),
    ("[log]\nmost = false", "run.toml, line 2: log-most = false, expected a whole number"),
    ("log-every = 1\nlog.every = 2", "run.toml, line 2: log-every stands in line 1 too; give it "),
    (
        "[csv]\nevery = 1",
        "run.toml, line 1: there is no table [csv]. plugin csv (rinzler-csv 1.0) is broken: ",
    ),
    (
        "csv-every = 1",
        'run.toml, line 1: there is no setting "csv-every". plugin csv (rinzler-csv 1.0) is broke',
    ),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=lambda x: str(x)[:20])
def test_mistakes_are_one_line(text: str, message: str, typed, site) -> None:
    site.install_plugin("csv", "raise OSError('no such disk')\n")
    Path("run.toml").write_text(text, encoding="utf-8")
    code, out, err = typed("--config", "run.toml")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not Path("runs").exists()

"""Options of plugins as a user meets them: in the help, on the command line, in the run."""

from __future__ import annotations

import inspect
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rinzler.cli import commands, extras
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.parsing import make_app
from rinzler.plugins import manager

OPTIONS = """
from dataclasses import dataclass, field
from pathlib import Path

def option(default, help):
    return field(default=default, metadata={"help": help})

@dataclass(frozen=True)
class Options:
    on: bool = option(False, "whether at all")
    loud: bool = option(True, "how loud")
    every: int = option(10, "steps between two")
    rate: float = option(0.5, "how fast")
    name: str = option("", "what to call it")
    path: Path | None = option(None, "where to")
    most: int | None = option(None, "how many at most")

    def __post_init__(self):
        if self.every < 1:
            raise ValueError(f"--log-every is {self.every}, expected at least 1")

@hookimpl
def rinzler_options():
    return Options

heard = []

@hookimpl
def rinzler_train_start(run):
    heard.append((run.options["log"], run.options_of(Options)))
"""
TINY = shlex.split(
    "--d-model 8 --layers 1 --context 8 --batch-size 2 --vocab-size 0 --steps 1 --backend stranger"
)

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(site, train: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """`rinzler-train` with these words, on a small text, with the backend of a stranger."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(AttendedTrainer.sample, "__defaults__", (4, 0.8))  # short samples do
    Path("fox.txt").write_text("the quick brown fox\n" * 50, encoding="utf-8")
    site.install_stranger()
    site.install_plugin("log", OPTIONS)
    return train


def test_the_help_has_a_group_for_each_plugin(typed: Typed) -> None:
    code, out, err = typed("--help")
    assert (code, err) == (0, "")
    page = out[out.index("\nPlugin log\n") : out.index("\nHelp\n")]
    assert page.splitlines()[2:] == [
        "  --[no-]log-on           whether at all",
        "  --[no-]log-loud         how loud [yes]",
        "  --log-every N           steps between two [10]",
        "  --log-rate X            how fast [0.5]",
        "  --log-name TEXT         what to call it",
        "  --log-path PATH         where to",
        "  --log-most N            how many at most",
    ]


def test_what_was_typed_reaches_the_plugin_and_the_record_of_the_run(typed: Typed) -> None:
    words = "--log-on --no-log-loud --log-every 3 --log-rate 2 --log-name x --log-path a/b"
    code, _, err = typed("fox.txt", *TINY, *words.split(), "--log-most=7")
    assert code == 0, err
    module = sys.modules["rinzler_log_plugin"]
    expected = module.Options(True, False, 3, 2.0, "x", Path("a/b"), 7)
    assert module.heard == [(expected, expected)]
    config = json.loads(Path("runs/fox-001/config.json").read_text(encoding="utf-8"))
    assert config["options"]["log"] == {
        **{"on": True, "loud": False, "every": 3, "rate": 2.0, "name": "x"},
        **{"path": str(Path("a/b")), "most": 7},
    }


def test_nothing_typed_means_the_defaults(typed: Typed) -> None:
    assert typed("fox.txt", *TINY)[0] == 0
    module = sys.modules["rinzler_log_plugin"]
    assert module.heard == [(module.Options(), module.Options())]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--log-every", "0"], "plugin log: --log-every is 0, expected at least 1"),
        (["--log-every", "1.5"], "--log-every is '1.5', expected a whole number. All options"),
        (["--log-most", "1.5"], "--log-most is '1.5', expected a whole number. All options"),
        (["--log-rate", "fast"], "--log-rate is 'fast', expected a number. All options"),
        (["--log-on=perhaps"], "--log-on is 'perhaps', expected yes or no. All options"),
        (["--log-path"], "--log-path needs a value, a path. All options"),
        (["--log-evry", "1"], "unknown option --log-evry. Did you mean --log-every? All options"),
        (["--no-log-every"], "unknown option --no-log-every. Did you mean --log-every? All opt"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing_behind(
    typed: Typed, words: list[str], message: str
) -> None:
    code, out, err = typed("fox.txt", *TINY, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not Path("runs").exists()


def test_a_flag_of_a_broken_plugin_says_why_it_is_not_there(typed: Typed, site) -> None:
    site.install_plugin("csv", "raise OSError('no such disk')\n")
    code, _, err = typed("fox.txt", *TINY, "--csv-every", "1")
    assert code == 2
    assert err == (
        "error: unknown option --csv-every. plugin csv (rinzler-csv 1.0) is broken: importing "
        "rinzler_csv_plugin raised OSError: no such disk. All options: rinzler-train --help\n"
    )
    assert typed("fox.txt", *TINY, "--log-on")[0] == 0  # and the others work


def test_a_flag_of_two_plugins_says_which_two(typed: Typed, site) -> None:
    site.install("other", {"log": "other_plugin"}, {"other_plugin": OPTIONS})
    code, _, err = typed("fox.txt", *TINY, "--log-every", "1")
    assert code == 2
    assert err == (
        "error: unknown option --log-every. plugin log (other 1.0): --log-on is also a flag of "
        "rinzler-log 1.0; uninstall one of them, or keep one out: RINZLER_BLOCK=rinzler-log. "
        "All options: rinzler-train --help\n"
    )


@pytest.mark.parametrize(
    ("plugin", "field", "flag"), [("run", "dir", "--run-dir"), ("no", "bias", "--no-bias")]
)
def test_flags_of_the_command_stay_its_own(
    typed: Typed, site, plugin: str, field: str, flag: str
) -> None:
    site.install_plugin(plugin, OPTIONS.replace("    on: bool", f"    {field}: bool"))
    assert typed("fox.txt", *TINY, "--run-dir", "here", "--no-bias")[0] == 0
    assert json.loads(Path("here/config.json").read_text("utf-8"))["model"]["bias"] is False
    (report,) = [
        each
        for each in manager.plugins().reports("described")
        if (each.name, each.kind) == (plugin, "options")
    ]
    assert report.state == "broken"
    assert report.reason.startswith(
        f"{flag} is a flag of rinzler-train itself; the field '{field}'"
    )


def test_a_corpus_of_a_plugin_trains(typed: Typed, site) -> None:
    site.install_plugin(
        "novels",
        "def load(): return [('one', 'a fox\\n' * 40), ('two', 'a dog\\n' * 40)]\n"
        "@hookimpl\ndef rinzler_corpora():\n"
        "    return CorpusInfo('novels', 'rinzler_novels_plugin:load')\n",
    )
    code, _, err = typed("--corpus", "novels", *TINY)
    assert code == 0
    assert err.startswith("corpus     novels · 2 documents · 480 bytes")


def test_options_are_for_training_alone(typed: Typed, site, command) -> None:
    site.plugins()
    code, _, err = command("generate", "runs", "--log-every", "1")
    assert code == 2
    assert err.startswith("error: unknown option --log-every. All options: rin")


def test_every_flag_of_the_command_is_known_to_be_taken() -> None:
    taken = extras._taken(inspect.signature(commands.train, eval_str=True))
    arguments = make_app(commands.train).assemble_argument_collection()
    flags = {name for each in arguments for name in each.names if name.startswith("--")}
    assert flags >= {"--run-dir", "--no-clip-grad", "--min-lr"}
    assert flags <= taken

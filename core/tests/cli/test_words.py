"""The small parts of the command line: numbers in words, heads for a width, what to type next."""

from __future__ import annotations

import pytest

from rinzler.cli.flags import ModelFlags, heads_for
from rinzler.cli.invocation import Invocation, typed
from rinzler.cli.lines import passes
from rinzler.cli.report import round_interval
from rinzler.cli.words import duration, plural, size, tokens, visible
from rinzler.config import GPTConfig
from rinzler.errors import ConfigError

# --- numbers ----------------------------------------------------------------------------------


def test_sizes_have_three_digits_and_the_first_unit_that_fits() -> None:
    sizes = {0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 91_900: "91.9 kB", 999_499: "999 kB"}
    sizes |= {999_500: "1 MB", 1_840_000: "1.84 MB", 2_500_000_000: "2.5 GB"}
    sizes |= {7_200_000_000_000: "7.2e+03 GB"}
    assert {number: size(number) for number in sizes} == sizes


def test_tokens_are_counted_in_full_below_a_million() -> None:
    assert tokens(7_680) == "7,680 tokens"
    assert tokens(999_999) == "999,999 tokens"
    assert tokens(1_024_000) == "1.02 M tokens"
    assert tokens(32_800_000_000) == "32.8 G tokens"


def test_durations() -> None:
    assert duration(0.4) == "0 s"
    assert duration(59.6) == "1 min 00 s"
    assert duration(161) == "2 min 41 s"
    assert duration(3 * 3600 + 5 * 60 + 9) == "3 h 05 min"


def test_plural_and_passes() -> None:
    assert (plural(1, "head"), plural(1200, "head")) == ("1 head", "1,200 heads")
    assert passes(0.0062) == "0.0062 passes"
    assert passes(1.26) == "1.3 passes"
    assert passes(54.9) == "55 passes"


def test_what_a_terminal_would_obey_becomes_a_picture() -> None:
    everything = "".join(map(chr, range(160)))
    shown = visible(everything)
    assert [c for c in shown if ord(c) < 32] == ["\t", "\n"]
    assert not any(127 <= ord(c) < 160 for c in shown)
    assert visible("\x1b[2J\r\x07") == "␛[2J␍␇"
    assert visible("naïve 🙂\n") == "naïve 🙂\n"


def test_lines_come_at_round_steps_and_never_more_than_asked() -> None:
    assert [round_interval(steps, 50) for steps in (1, 50, 51, 100, 101, 1000, 50_000)] == [
        1, 1, 2, 2, 5, 20, 1000,
    ]  # fmt: skip
    for steps in range(1, 3000, 7):
        assert steps / round_interval(steps, 50) <= 50


# --- flags ------------------------------------------------------------------------------------


def test_heads_suit_the_width() -> None:
    chosen = {width: heads_for(width) for width in (1, 16, 32, 64, 65, 67, 128, 192, 384, 768)}
    assert chosen == {1: 1, 16: 1, 32: 2, 64: 4, 65: 5, 67: 1, 128: 4, 192: 4, 384: 6, 768: 12}
    for width in range(1, 400):
        assert width % heads_for(width) == 0


def test_a_shape_is_checked_when_it_is_complete() -> None:
    assert ModelFlags().complete(256) == GPTConfig(256)
    assert ModelFlags(d_model=384, layers=6).complete(65).heads == 6
    assert ModelFlags(d_model=384, heads=8).complete(65).heads == 8
    with pytest.raises(ConfigError, match="heads 5 does not divide d_model 64"):
        ModelFlags(heads=5).complete(256)
    with pytest.raises(ConfigError, match="d_model is 0, expected a whole number"):
        ModelFlags(d_model=0).complete(256)


# --- what to type next ------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV", raising=False)


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        (["/x/bin/rinzler-train", "a"], "rinzler-train"),
        (["C/rinzler-train.exe", "a"], "rinzler-train"),
        (["/x/bin/rinzler", "train", "a"], "rinzler train"),
        (["/x/rinzler/__main__.py", "train", "a"], "python -m rinzler train"),
    ],
)
def test_the_next_command_is_typed_as_this_one_was(
    argv: list[str], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", argv)
    this = Invocation.of_this_process()
    assert this == Invocation(program, ("a",))
    generate = program.replace("train", "generate")
    assert this.other("generate", ["runs/a-001"]) == f"{generate} runs/a-001"
    monkeypatch.setenv("UV", "/usr/bin/uv")
    assert this.other("generate", ["runs/a-001"]) == f"uv run {generate} runs/a-001"


def test_the_same_command_with_other_values() -> None:
    words = ("a.md", "--steps", "5", "--lr=1", "--run-dir=x", "--quiet", "--steps=6", "b.md")
    again = Invocation("rinzler-train", words).again(steps="20", run_dir=None)
    assert again == "rinzler-train a.md --lr=1 --quiet b.md --steps 20"
    assert Invocation("rinzler-train", ("a",)).again() == "rinzler-train a"


def test_words_are_quoted_for_the_shell_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.name", "posix")
    assert typed(["x", "--prompt", "it's $HOME"]) == """x --prompt 'it'"'"'s $HOME'"""
    monkeypatch.setattr("os.name", "nt")
    assert typed(["x", "--prompt", "two words"]) == 'x --prompt "two words"'

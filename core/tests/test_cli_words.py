"""The small parts of the command line: numbers in words, flags, folders, what to type next."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rinzler.cli import rundir
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


# --- folders ----------------------------------------------------------------------------------


def test_every_run_gets_the_next_number(tmp_path: Path) -> None:
    runs = tmp_path / "deep" / "runs"
    assert rundir.next_free("notes", runs) == runs / "notes-001"
    assert rundir.next_free("notes", runs) == runs / "notes-002"
    (runs / "notes-041").mkdir()
    (runs / "notes-abc").mkdir()
    (runs / "other-900").mkdir()
    assert rundir.next_free("notes", runs) == runs / "notes-042"
    assert (runs / "notes-042").is_dir()


def test_a_name_becomes_one_that_every_system_takes(tmp_path: Path) -> None:
    names = ["My Notes (2).final", "../etc", "ünïcode 日本", "...", "x" * 90]
    made = [rundir.next_free(name, tmp_path).name for name in names]
    assert made == [
        "my-notes-2-final-001", "etc-001", "ünïcode-日本-001", "run-001", "x" * 40 + "-001",
    ]  # fmt: skip


def test_a_number_that_another_run_takes_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def slow(self: Path, *args: object, **kwargs: object) -> None:
        if self.name == "notes-001":
            make(self)  # the other run, a moment earlier
        make(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", slow)
    assert rundir.next_free("notes", tmp_path).name == "notes-002"


def test_a_named_folder_is_made_or_taken_if_empty_and_refused_otherwise(tmp_path: Path) -> None:
    assert rundir.make(tmp_path / "a" / "b").is_dir()
    assert rundir.make(tmp_path / "a" / "b").is_dir()
    for name in ("one", "two", "three", "four"):
        (tmp_path / "a" / "b" / name).touch()
    with pytest.raises(ConfigError) as caught:
        rundir.make(tmp_path / "a" / "b")
    folder = tmp_path / "a" / "b"
    assert str(caught.value) == (
        f"the run folder {folder} is not empty (four, one, three, …). Name a new one, --run-dir "
        f"{folder}-2, or leave --run-dir out and get the next free one in runs"
    )
    with pytest.raises(ConfigError, match=r"one is a file, expected a new folder: --run-dir .*one"):
        rundir.make(tmp_path / "a" / "b" / "one")


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    expected = "no run folder can be made at .*: Permission denied. Name another place: --run-dir"
    with pytest.raises(ConfigError, match=expected):
        rundir.make(tmp_path / "new")
    with pytest.raises(ConfigError, match=expected):
        rundir.next_free("notes", tmp_path / "runs")


def test_settings_are_readable_json_in_utf8(tmp_path: Path) -> None:
    rundir.write_settings(tmp_path, {"name": "ünïcode"})
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    assert "ünïcode" in text
    assert json.loads(text) == {"name": "ünïcode"}
    with pytest.raises(ConfigError, match="No such file or directory"):
        rundir.write_settings(tmp_path / "gone", {})


def test_a_file_that_cannot_grow_costs_one_note_and_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = rundir.RunFile(tmp_path / "log.jsonl")
    file.append("a\n")
    file.append("b\n")
    assert file.path.read_text(encoding="utf-8") == "a\nb\n"
    broken = rundir.RunFile(tmp_path / "gone" / "log.jsonl")
    broken.append("a\n")
    broken.append("b\n")
    note = "cannot be written (No such file or directory); the run goes on without\n"
    assert capsys.readouterr().err == f"note: {broken.path} {note}"


def test_the_newest_run_is_the_one_that_saved_last(tmp_path: Path) -> None:
    assert rundir.newest_run(tmp_path) is None
    for index, name in enumerate(("b-001", "a-001")):
        (tmp_path / name).mkdir()
        saved = tmp_path / name / "step-000001.safetensors"
        saved.touch()
        os.utime(saved, (1000 + index, 1000 + index))
    assert rundir.newest_run(tmp_path) == tmp_path / "a-001"

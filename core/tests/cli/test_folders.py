"""The folder of a run: whose name it gets, what is written there, and what if that fails."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from rinzler.cli import rundir
from rinzler.cli.found import folder_of
from rinzler.cli.needs import held_by
from rinzler.errors import CheckpointError, ConfigError
from rinzler.files import FILES


def test_what_a_run_puts_there_itself_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    rundir.check_free(tmp_path, "lock")
    with pytest.raises(ConfigError, match=r"is not empty \(lock\)"):
        rundir.check_free(tmp_path)


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


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"can be made at .*new: Not a directory. Name another"):
        rundir.make(tmp_path / "one" / "new")


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_a_disk_that_does_not_answer_is_an_error_and_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def broken(self: Path) -> bool:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "is_dir", broken)
    monkeypatch.setattr(Path, "iterdir", broken)
    why = os.strerror(number)
    with pytest.raises(ConfigError, match=rf"no run folder can be made at .*new: {why}\. Name an"):
        rundir.make(tmp_path / "new")
    with pytest.raises(
        CheckpointError, match=rf"new cannot be read: {why}\. Check the disk, and who"
    ):
        folder_of(str(tmp_path / "new"))
    for name in ("exists", "glob"):
        monkeypatch.setattr(Path, name, lambda *which: broken(tmp_path))
    assert held_by(tmp_path) == 0
    assert FILES.free(tmp_path) is None


def test_settings_are_readable_json_in_utf8(tmp_path: Path) -> None:
    rundir.write_settings(tmp_path, {"name": "ünïcode"})
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    assert "ünïcode" in text
    assert json.loads(text) == {"name": "ünïcode"}
    expected = r"config\.json cannot be written: No such file .* name another place: --run-dir DIR"
    with pytest.raises(ConfigError, match=expected):
        rundir.write_settings(tmp_path / "gone", {})


def test_a_file_that_cannot_grow_costs_a_note_and_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = rundir.RunFile(tmp_path / "gone" / "log.jsonl")
    file.append("a\n")
    file.append("b\n")
    note = "cannot be written (No such file or directory); the run goes on, lines wait\n"
    assert capsys.readouterr().err == f"note: {file.path} {note}"
    file.path.parent.mkdir()
    file.append("c\n")
    file.append("d\n")
    assert capsys.readouterr().err == f"note: {file.path} can be written again\n"
    assert file.path.read_bytes() == b"a\nb\nc\nd\n"
    file.sync()


def test_lines_that_wait_are_not_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rundir, "WAITING", 5)
    file = rundir.RunFile(tmp_path / "gone" / "log.jsonl")
    for line in ("one\n", "two\n", "three\n"):
        file.append(line)
    file.path.parent.mkdir()
    file.append("four\n")
    file.append("five\n")
    assert file.path.read_bytes() == b"one\ntwo\nfive\n"


@pytest.mark.parametrize("also_truncating", [False, True])
def test_a_line_that_a_full_disk_cuts_short_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, also_truncating: bool
) -> None:
    class Full(io.FileIO):
        """A file on a disk that has room for three bytes more."""

        def write(self, data: Any) -> int:
            if len(data) <= 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(bytes(data)[:3])

        def truncate(self, size: int | None = None) -> int:
            if also_truncating:
                raise OSError(errno.EIO, "Input/output error")
            return super().truncate(size)

    file = rundir.RunFile(tmp_path / "log.jsonl")
    file.append("first\n")
    left = b"first\nsecond" if also_truncating else b"first\n"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, mode, buffering=-1: Full(path, mode))
        file.append("second\n")
        assert file.path.read_bytes() == left
    file.append("third\n")
    assert file.path.read_bytes() == b"first\nsecond\nthird\n"


def test_the_newest_run_is_the_one_that_saved_last(tmp_path: Path) -> None:
    assert rundir.newest_run(tmp_path) is None
    for index, name in enumerate(("b-001", "a-001")):
        (tmp_path / name).mkdir()
        saved = tmp_path / name / "step-000001.safetensors"
        saved.touch()
        os.utime(saved, (1000 + index, 1000 + index))
    assert rundir.newest_run(tmp_path) == tmp_path / "a-001"
    gone = tmp_path / "a-001" / "step-000009.safetensors"
    gone.symlink_to(tmp_path / "nothing")  # listed, and not there any more when it is looked at
    assert rundir.newest_run(tmp_path) == tmp_path / "a-001"

"""Who may write where: the two streams, and which reporter a terminal gets."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import pytest

from rinzler.cli import streams
from rinzler.cli.live import LiveReporter
from rinzler.cli.report import PlainReporter
from rinzler.cli.request import TrainRequest
from rinzler.cli.streams import Results, say_if_slow
from rinzler.cli.train import _listeners


def test_only_a_long_wait_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with say_if_slow("still here", seconds=60.0):
        pass
    assert capsys.readouterr().err == ""
    with say_if_slow("still here", seconds=0.0):
        time.sleep(0.5)
    assert capsys.readouterr().err == "still here\n"


class Failing(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error
        self.tried = 0

    def write(self, text: str) -> int:
        self.tried += 1
        raise self.error


def test_results_remember_a_reader_who_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "drop_stdout", lambda: None)
    pipe = Failing(BrokenPipeError(32, "Broken pipe"))
    monkeypatch.setattr(sys, "stdout", pipe)
    results = Results()
    results.write("one")
    results.write("two")
    assert results.broken
    assert pipe.tried == 1


def test_results_do_not_hide_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        Results().write("one")


def test_a_closed_pipe_has_its_own_number_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid = OSError(22, "Invalid argument")
    assert streams.is_closed_pipe(BrokenPipeError(32, "Broken pipe"))
    monkeypatch.setattr("os.name", "posix")
    assert not streams.is_closed_pipe(invalid)
    monkeypatch.setattr("os.name", "nt")
    assert streams.is_closed_pipe(invalid)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def reporters(folder: Path, **asked: bool) -> list[type]:
    """The types of those who write to the terminal."""
    listeners = _listeners(TrainRequest(**asked), folder, Results())
    return [type(each) for each in listeners][:-2]


def test_a_terminal_gets_the_bar_unless_somebody_minds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert reporters(tmp_path) == [PlainReporter]  # stderr is not a terminal here
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert reporters(tmp_path) == [LiveReporter]
    assert reporters(tmp_path, plain=True) == [PlainReporter]
    assert reporters(tmp_path, json=True)[0] is PlainReporter
    assert reporters(tmp_path, quiet=True) == []
    monkeypatch.setenv("TERM", "dumb")
    assert reporters(tmp_path) == [PlainReporter]

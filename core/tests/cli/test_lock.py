"""The lock of a run folder: who has it, who waits, and a folder that cannot be locked.

Races of processes are in tests/promises/test_races.py; here a second descriptor plays the other.
"""

from __future__ import annotations

import errno
import os
import platform
from pathlib import Path

import pytest

from rinzler.cli import lock
from rinzler.errors import ConfigError


def test_the_holder_is_named_and_only_while_it_holds(tmp_path: Path) -> None:
    with lock.owned(tmp_path):
        signed = (tmp_path / lock.LOCK).read_text(encoding="utf-8")
        assert signed.startswith(f"process {os.getpid()} on {platform.node()}, started 2")
        with pytest.raises(ConfigError) as caught, lock.owned(tmp_path, patience=0.0):
            pytest.fail("two have it")
    assert str(caught.value) == (
        f"the run folder {tmp_path} is in use ({signed.strip()}). Wait for that run or stop it, or "
        "start another one: it gets a folder of its own"
    )
    assert (tmp_path / lock.LOCK).read_text(encoding="utf-8") == ""
    with lock.owned(tmp_path, patience=0.0):
        pass


def test_a_holder_that_could_not_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lock, "PAUSE", 0.0)
    monkeypatch.setattr(os, "write", full)
    expected = r"is in use \(by another process\)\. Wait for that run"
    with (
        lock.owned(tmp_path),
        pytest.raises(ConfigError, match=expected),
        lock.owned(tmp_path, patience=0.0),
    ):
        pytest.fail("two have it")


def test_one_that_leaves_in_time_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lock.owned(tmp_path)
    first.__enter__()
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            first.__exit__(None, None, None)

    monkeypatch.setattr(lock.time, "sleep", sleep)
    monkeypatch.setattr(lock.time, "monotonic", lambda: 0.0)
    with lock.owned(tmp_path):
        assert waited == [lock.PAUSE] * 3


def test_a_run_that_fails_leaves_no_name(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock.owned(tmp_path):
        raise KeyError
    assert (tmp_path / lock.LOCK).read_text(encoding="utf-8") == ""


def test_a_folder_that_knows_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_take", unknown)
    with lock.owned(tmp_path):
        said = capsys.readouterr().err
    assert said == (
        f"note: {tmp_path / 'lock'} cannot be locked (No locks available); "
        "start no second run there\n"
    )
    with (
        pytest.raises(ConfigError, match=r"gone.lock cannot be opened: No such file or directory"),
        lock.owned(tmp_path / "gone"),
    ):
        pytest.fail("there is no such folder")

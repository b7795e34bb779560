"""Any call of a save fails, once or for good, also in the cleaning up of another failure.

One clear error each time, what was saved before as it was, no descriptor left open, and the next
save works. The calls fail at the seam of `rinzler/files.py`: fast, so all of them, and in pairs.
Read next: `test_faults_of_disks.py`, where it is the kernel that says no.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count as numbers
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from verdict import state

from rinzler.checkpoint import (
    Checkpoint,
    FileSystem,
    in_folder,
    load,
    newest,
    path_for_step,
    retain,
    save,
    sweep,
)
from rinzler.errors import CheckpointError

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE", "EINTR", "EDQUOT")
CALLS = ("names", "create", "write", "fsync", "close", "replace", "unlink", "sync_directory")
SYNCS = ("fsync", "sync_directory")  # left undone where they do not fail: no power cuts here
SHORT = 100  # bytes that one write takes: a save is made of more than twenty calls
Saver = Callable[[Path, Checkpoint, Any], object]
NEW = 3  # the step that is saved; 1 and 2 are there


@dataclass
class Faulty(FileSystem):
    """Real files, and an error in some of the calls."""

    fails: Callable[[int, str, list[str]], str]  # (number, call, calls before) -> "ENOSPC" or ""
    calls: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    def __getattribute__(self, name: str) -> Any:
        if name in CALLS:
            return lambda *arguments: self._call(name, arguments)
        return super().__getattribute__(name)

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        failure = self.fails(len(self.calls), name, self.failed)
        self.calls.append(name)
        if failure:
            self.failed.append(name)
            if name == "close":  # gives the descriptor up even when it reports an error
                os.close(arguments[0])
            number = getattr(errno, failure)
            raise OSError(number, os.strerror(number))
        if name in SYNCS or name in self.ignored:
            return None
        if name == "write":
            arguments = arguments[0], arguments[1][:SHORT]
        return getattr(super(), name)(*arguments)


def once(at: int, error: str) -> Faulty:
    return Faulty(lambda number, call, failed: error if number == at else "")


def that_call_from_then_on(at: int, error: str) -> Faulty:
    return Faulty(lambda number, call, failed: error if number == at or call in failed else "")


def all_from_then_on(at: int, error: str) -> Faulty:
    return Faulty(lambda number, call, failed: error if number >= at else "")


def at_both(first: int, second: int) -> Faulty:
    errors = {first: "ENOSPC", second: "EIO"}
    return Faulty(lambda number, call, failed: errors.get(number, ""))


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[..., None]:
    """Save and delete on a faulty disk, and check all that must hold after that."""
    folders = numbers()
    before = {}
    for step in (1, 2, NEW):
        save(path_for_step(tmp_path, step), state(step, 0, 60))
        before[step] = path_for_step(tmp_path, step).read_bytes()

    def try_it(files: Faulty, over: bool, tries: int = 1, saver: Saver = save) -> None:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        for step in (1, 2, *((NEW,) if over else ())):
            path_for_step(folder, step).write_bytes(before[step])
        free = lowest_free_descriptor()
        said: list[str] = []
        for _ in range(tries):
            try:
                saver(path_for_step(folder, NEW), state(NEW, 1, 300), files)
            except CheckpointError as error:
                check_words(str(error), path_for_step(folder, NEW))
                said.append(str(error))
            else:
                retain(folder, 1, None, files, tell=said.append)
                break
        assert lowest_free_descriptor() == free
        assert bool(said) == bool(files.failed)
        check_folder(folder, files, said, over)
        save(path_for_step(folder, 4), state(4, 2, 300), once(-1, ""))  # and the next save works
        assert newest(folder) == (path_for_step(folder, 4), [])

    return try_it


def lowest_free_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def check_folder(folder: Path, files: Faulty, said: list[str], over: bool) -> None:
    """Nothing is lost, nothing is torn, and whatever lies about was named."""
    for line in said:
        assert str(folder) in line
    assert newest(folder)[1] == []
    turns = {step: load(path).meta["turn"] for step, path in in_folder(folder).items()}
    saved = turns.get(NEW) == 1
    assert saved == (files.calls.count("replace") > files.failed.count("replace"))
    if not saved:
        assert turns == ({1: 0, 2: 0, NEW: 0} if over else {1: 0, 2: 0})
    elif "unlink" not in files.calls:
        assert turns == {1: 0, 2: 0, NEW: 1}
    kept = {path.name for path in in_folder(folder).values()}
    left = {path.name for path in folder.iterdir()} - kept
    for name in left:
        assert "unlink" in files.failed
        assert any(name in line for line in said)
    assert {path.name for path in sweep(folder)} == left


def check_words(said: str, path: Path) -> None:
    """One message: which file, what happened, what was kept, what to do."""
    outcome = r"(was not saved|may not be safe): (\w+), (.+?), while "
    happened = re.match(rf"{re.escape(str(path))} {outcome}", said)
    assert happened, said
    assert happened[2] in ERRORS
    assert happened[3] == os.strerror(getattr(errno, happened[2]))
    kept = "Checkpoints saved before are untouched"
    if happened[1] == "may not be safe":
        kept = "It is in place and whole, but a power cut could still undo it"
    assert f". {kept}" in said
    assert said.rsplit(". ", 1)[1].startswith(("Free", "Check", "Save", "Close"))


WAYS = (once, that_call_from_then_on, all_from_then_on)


@pytest.mark.promise(
    "any call of a save fails, once or for good: one clear error, nothing lost, the next one works",
    at_least=1_000,
)
def test_every_call_fails(attempt, count) -> None:
    for way, error, over in product(WAYS, ERRORS, (False, True)):
        for at in numbers():
            files = way(at, error)
            attempt(files, over)
            if not files.failed:
                break
            count()
    assert at >= 20


@pytest.mark.promise(
    "a second call fails while the first failure is cleared up, or in the save after it",
    at_least=400,
    long=1_000,
)
def test_every_pair_of_calls_fails(attempt, count, long: bool) -> None:
    for over in (False, True) if long else (True,):
        for first in numbers():
            for second in numbers(first + 1):
                files = at_both(first, second)
                attempt(files, over, tries=2)
                if len(files.failed) < 2:
                    break
                count()
            if not files.failed:
                break


# --- savers that must be found guilty ---------------------------------------------------------


def makes_room_first(path: Path, content: Checkpoint, files: Faulty) -> None:
    path.unlink(missing_ok=True)
    save(path, content, files)


def keeps_quiet(path: Path, content: Checkpoint, files: Faulty) -> None:
    with suppress(CheckpointError):
        save(path, content, files)


def forgets_to_close(path: Path, content: Checkpoint, files: Faulty) -> None:
    files.ignored.add("close")
    save(path, content, files)


def leaves_its_temporary(path: Path, content: Checkpoint, files: Faulty) -> None:
    files.ignored.add("unlink")
    save(path, content, files)


@pytest.mark.promise("savers that handle a failure badly are found by the same harness", at_least=4)
def test_bad_savers_are_caught(attempt, count) -> None:
    def try_all(saver: Saver) -> None:
        for at in range(8):
            attempt(once(at, "ENOSPC"), True, saver=saver)

    try_all(save)
    for saver in (makes_room_first, keeps_quiet, forgets_to_close, leaves_its_temporary):
        with pytest.raises(AssertionError):
            try_all(saver)
        count()

"""What a save says when it fails, and the corners of it that a sweep over all calls does not meet.

That sweep, and what a kill or a power cut does, are in tests/promises.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rinzler.checkpoint import Checkpoint, FileSystem, load, path_for_step, save, sweep
from rinzler.errors import CheckpointError

OLD = Checkpoint({"x": np.arange(6, dtype=np.float32)}, {"step": 1})
NEW = Checkpoint({"x": np.arange(600, dtype=np.float32)}, {"step": 2})
WRITES = 6  # a save of NEW in writes of 500 bytes at most: one for the header, five for the rest


class Recorder(FileSystem):
    """Real files; remembers the calls of a save and breaks the k-th with what `fault` returns."""

    def __init__(
        self, failing: int = -1, fault: Callable[[], BaseException] = KeyboardInterrupt
    ) -> None:
        self.calls: list[str] = []
        self.failing = failing
        self.fault = fault

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) - 1 == self.failing:
            raise self.fault()

    def create(self, path: Path) -> int:
        self._note("create")
        return super().create(path)

    def write(self, descriptor: int, data: memoryview) -> int:
        self._note("write")
        return super().write(descriptor, data[:500])  # the kernel may take less than it is given

    def fsync(self, descriptor: int) -> None:
        self._note("fsync")
        super().fsync(descriptor)

    def close(self, descriptor: int) -> None:
        super().close(descriptor)  # close gives the descriptor up even when it reports an error
        self._note("close")

    def replace(self, source: Path, target: Path) -> None:
        self._note("replace")
        super().replace(source, target)

    def unlink(self, path: Path) -> None:
        self._note("unlink")
        super().unlink(path)

    def sync_directory(self, directory: Path) -> None:
        self._note("sync_directory")
        super().sync_directory(directory)


ORDER = ["create", *["write"] * WRITES, "fsync", "close", "replace", "sync_directory"]


def error(code: int) -> Callable[[], OSError]:
    return lambda: OSError(code, os.strerror(code))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same(path: Path, expected: Checkpoint) -> bool:
    return load(path).tensors["x"].tobytes() == expected.tensors["x"].tobytes()


def test_the_order_is_write_sync_rename_sync(tmp_path: Path) -> None:
    files = Recorder()
    path = tmp_path / "x.safetensors"
    assert save(path, NEW, files) == path.stat().st_size
    assert files.calls == ORDER
    assert same(path, NEW)


def test_the_message_of_a_full_disk(tmp_path: Path) -> None:
    path = path_for_step(tmp_path, 7)
    with pytest.raises(CheckpointError) as caught:
        save(path, NEW, Recorder(2, error(errno.ENOSPC)))
    whole = save(path, NEW)
    assert str(caught.value) == (
        f"{path} was not saved: ENOSPC, {os.strerror(errno.ENOSPC)}, while writing ({whole:,} "
        "bytes). Checkpoints saved before are untouched. Free some space there, then save again"
    )


@pytest.mark.parametrize("k", range(len(ORDER) - 1), ids=lambda k: f"{k}-{ORDER[k]}")
def test_ctrl_c_in_a_save_leaves_nothing_behind(tmp_path: Path, k: int) -> None:
    path = tmp_path / "x.safetensors"
    save(path, OLD)
    with pytest.raises(KeyboardInterrupt):
        save(path, NEW, Recorder(k))
    assert names(tmp_path) == ["x.safetensors"]
    assert same(path, OLD)


def test_a_temporary_that_cannot_be_removed_is_named_and_swept_later(tmp_path: Path) -> None:
    class Stubborn(Recorder):
        def unlink(self, path: Path) -> None:
            raise PermissionError(errno.EACCES, "no")

    path = tmp_path / "x.safetensors"
    save(path, OLD)
    with pytest.raises(CheckpointError, match="ENOSPC") as caught:
        save(path, NEW, Stubborn(3, error(errno.ENOSPC)))
    (left,) = set(names(tmp_path)) - {"x.safetensors"}
    assert f"untouched, and {left} could not be removed. Free some space" in str(caught.value)
    assert sweep(tmp_path, Stubborn()) == []
    (tmp_path / ".notes.tmp").touch()  # somebody else's
    assert sweep(tmp_path) == [tmp_path / left]
    assert names(tmp_path) == [".notes.tmp", "x.safetensors"]


def test_a_write_that_takes_nothing_is_an_error(tmp_path: Path) -> None:
    class Stuck(FileSystem):
        def write(self, descriptor: int, data: memoryview) -> int:
            return 0

    with pytest.raises(CheckpointError, match="EIO"):
        save(tmp_path / "x.safetensors", NEW, Stuck())
    assert names(tmp_path) == []


def test_a_name_that_a_dead_process_left_is_passed_over(tmp_path: Path) -> None:
    class Occupied(Recorder):
        def create(self, path: Path) -> int:
            if not self.calls:
                path.write_bytes(b"left behind")
            return super().create(path)

    path = tmp_path / "x.safetensors"
    files = Occupied()
    save(path, NEW, files)
    assert files.calls[:2] == ["create", "create"]
    assert same(path, NEW)
    (left,) = set(names(tmp_path)) - {"x.safetensors"}
    assert (tmp_path / left).read_bytes() == b"left behind"


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x.safetensors"
    with pytest.raises(CheckpointError, match=r"ENOENT.* a temporary file .*Create the folder"):
        save(path, NEW)


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot open folders, so none is synced")
def test_a_folder_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[int] = []

    def no_sync(descriptor: int) -> None:
        refused.append(descriptor)
        raise OSError(refuse_with, os.strerror(refuse_with))

    monkeypatch.setattr(os, "fsync", no_sync)
    refuse_with = errno.EINVAL  # what a shared folder without that call says: nothing to be done
    FileSystem().sync_directory(tmp_path)
    refuse_with = errno.EIO
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        FileSystem().sync_directory(tmp_path)
    assert len(refused) == 2
    for descriptor in refused:
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            os.fstat(descriptor)

"""Compiled pipelines on disk: kept, checked, and never a reason to stop. No driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from rinzler_vulkan.cachefile import CacheFile, folder_of


def test_what_was_written_is_read(tmp_path: Path) -> None:
    CacheFile(tmp_path / "deep", "device", "shaders").write(b"blob")
    assert CacheFile(tmp_path / "deep", "device", "shaders").read() == b"blob"
    assert CacheFile(tmp_path / "deep", "device 2", "shaders").read() == b""
    assert CacheFile(tmp_path / "deep", "device", "shaders 2").read() == b""
    assert len(list((tmp_path / "deep").iterdir())) == 1


@pytest.mark.parametrize("place", [0, 25, -1])
def test_a_damaged_file_is_deleted(tmp_path: Path, place: int) -> None:
    file = CacheFile(tmp_path, "device", "shaders")
    file.write(b"a blob of some length")
    assert file.path is not None
    contents = bytearray(file.path.read_bytes())
    contents[place] ^= 1
    file.path.write_bytes(contents)
    assert file.read() == b""
    assert not file.path.exists()


def test_no_folder_and_no_disk_are_no_errors(tmp_path: Path) -> None:
    nowhere = CacheFile(None, "device", "shaders")
    nowhere.write(b"blob")
    assert nowhere.read() == b""
    (tmp_path / "taken").write_text("a file where the folder should be", encoding="utf-8")
    blocked = CacheFile(tmp_path / "taken", "device", "shaders")
    blocked.write(b"blob")
    assert blocked.read() == b""


def test_where_the_files_lie(tmp_path: Path) -> None:
    assert folder_of("") is None
    assert folder_of(str(tmp_path)) == tmp_path
    assert folder_of(None) is not None
    assert folder_of(None).name == "vulkan"

"""The cache: built once, never believed when damaged, never missed when it cannot be."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rinzler_corpus import build as builder
from rinzler_corpus import cache

DOCUMENTS = [("a", "Text.\n"), ("b", 'The "b".\n')]


class CountingBuild:
    """Stands in for `build`: gives the documents and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, stdlib: Path) -> list[tuple[str, str]]:
        self.calls += 1
        return DOCUMENTS


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> CountingBuild:
    counting = CountingBuild()
    monkeypatch.setattr(builder, "build", counting)
    return counting


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the cache files go: nothing is there yet."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "rinzler" / "corpus"


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_the_second_load_does_not_build(build: CountingBuild, folder: Path) -> None:
    assert builder.load() == DOCUMENTS
    assert builder.load() == DOCUMENTS
    assert build.calls == 1
    assert only_file(folder).name.startswith("python-3.")


def test_another_place_of_the_library_has_a_file_of_its_own(folder: Path) -> None:
    assert cache.path_for(Path("lib")) == cache.path_for(Path("lib"))
    assert cache.path_for(Path("lib")) != cache.path_for(Path("other"))
    assert cache.path_for(Path("other")).parent == folder


def test_another_python_has_a_file_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cache.path_for(Path("lib"))
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    assert cache.path_for(Path("lib")) != before


def test_another_builder_has_a_file_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = cache.path_for(Path("lib"))
    copy = tmp_path / "package"
    shutil.copytree(Path(cache.__file__).parent, copy)
    monkeypatch.setattr(cache, "__file__", str(copy / "cache.py"))
    assert cache.path_for(Path("lib")) == before
    with (copy / "cleaning.py").open("a", encoding="utf-8") as file:
        file.write("LONG = 61\n")
    assert cache.path_for(Path("lib")) != before


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "grow", "digest", "other"])
def test_a_damaged_file_is_built_again(build: CountingBuild, folder: Path, damage: str) -> None:
    builder.load()
    path = only_file(folder)
    good = path.read_bytes()
    middle = len(good) // 2
    bad = {
        "flip": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
        "cut": good[:middle],
        "empty": b"",
        "grow": good + b" ",
        "digest": b"0" + good[1:] if good[:1] != b"0" else b"1" + good[1:],
        "other": b"\x89PNG\r\n\x1a\n",
    }[damage]
    path.write_bytes(bad)
    assert builder.load() == DOCUMENTS
    assert build.calls == 2
    assert path.read_bytes() == good


def test_every_flipped_bit_is_noticed(folder: Path) -> None:
    path = cache.path_for(Path("lib"))
    cache.write(path, DOCUMENTS)
    good = path.read_bytes()
    for index in range(8 * len(good)):
        bad = bytearray(good)
        bad[index // 8] ^= 1 << index % 8
        path.write_bytes(bad)
        assert cache.read(path) is None, index


def test_a_folder_that_cannot_be_made_is_no_error(build: CountingBuild, folder: Path) -> None:
    folder.parent.parent.write_text("a file where the folder should be", encoding="utf-8")
    assert builder.load() == DOCUMENTS
    assert builder.load() == DOCUMENTS
    assert build.calls == 2


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    path = cache.path_for(Path("lib"))
    cache.write(path, DOCUMENTS)
    monkeypatch.setattr(step, fail)
    cache.write(path, [("new", "text")])
    assert only_file(folder) == path
    assert cache.read(path) == DOCUMENTS


def test_the_file_is_synced_before_it_takes_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    monkeypatch.setattr("os.fsync", lambda _descriptor: order.append("fsync"))
    replace = Path.replace

    def record(source: Path, target: Path) -> Path:
        order.append("replace")
        assert source.parent == target.parent
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", record)
    cache.write(cache.path_for(Path("lib")), DOCUMENTS)
    assert order == ["fsync", "replace"]


def test_what_is_stored_survives_any_letter(folder: Path) -> None:
    documents = [("ä/ß", "\N{SNAKE}\n\u2028\r\n\0")]
    path = cache.path_for(Path("lib"))
    cache.write(path, documents)
    assert cache.read(path) == documents


def test_load_reads_the_library_of_this_python(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(builder, "build", lambda stdlib: asked.append(stdlib) or DOCUMENTS)
    builder.load()
    assert (asked[0] / "textwrap.py").is_file()
    assert asked[0] == Path(sys.modules["textwrap"].__file__ or "").parent

"""The cache of tokenizers: trained once, never believed when damaged, never missed."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from rinzler.errors import ConfigError, DataError
from rinzler.tokenizer import BPETokenizer, cache, train_bpe, trained

DOCUMENTS = ["the cat and the hat\n", "the rat", ""]


class Trainings:
    """Counts how often something was trained, by the progress that it tells of."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, done: int, merges: int) -> None:
        self.count += done == 1


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the files go: nothing is there yet."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "rinzler" / "tokenizers"


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_the_second_time_nothing_is_trained(folder: Path) -> None:
    trainings = Trainings()
    first = trained(DOCUMENTS, 9, trainings)
    second = trained(DOCUMENTS, 9, trainings)
    assert first == second == train_bpe(DOCUMENTS, 9)
    assert len(first.merges) > 3
    assert trainings.count == 1
    path = only_file(folder)
    assert path == cache.path_for(DOCUMENTS, 9)
    assert len(path.stem) == 64
    assert set(path.stem) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "other",
    [
        (DOCUMENTS, 8),
        (DOCUMENTS[:2], 9),
        (DOCUMENTS[::-1], 9),
        (["the cat and the hat\nthe rat", "", ""], 9),
        (["the cat and the hat\nt", "he rat", ""], 9),
        (["".join(DOCUMENTS)], 9),
    ],
)
def test_another_corpus_has_a_file_of_its_own(folder: Path, other: tuple[list[str], int]) -> None:
    assert cache.path_for(*other) != cache.path_for(DOCUMENTS, 9)
    assert cache.path_for(*other) == cache.path_for(*other)


def sealed(body: str) -> bytes:
    return hashlib.sha256(body.encode()).hexdigest().encode() + b"\n" + body.encode()


def damages(data: bytes) -> dict[str, bytes]:
    flipped = bytearray(data)
    flipped[-5] ^= 1
    return {
        "empty": b"",
        "cut": data[:-1],
        "longer": data + b" ",
        "flipped": bytes(flipped),
        "no digest": data.partition(b"\n")[2],
        "digest of something that is no JSON": sealed("{"),
        "digest of no record": sealed("[1, 2]"),
        "digest of another kind": sealed('{"kind": "bytes"}'),
        "digest of hostile merges": sealed('{"kind": "bpe", "merges": [[97, 400]]}'),
        "digest of brackets without end": sealed("[" * 200_000),
    }


@pytest.mark.parametrize("name", damages(b"x" * 100))
def test_a_damaged_file_is_trained_again(folder: Path, name: str) -> None:
    expected = trained(DOCUMENTS, 9)
    path = only_file(folder)
    data = path.read_bytes()
    path.write_bytes(damages(data)[name])
    assert cache.read(path) is None
    trainings = Trainings()
    assert trained(DOCUMENTS, 9, trainings) == expected
    assert trainings.count == 1
    assert path.read_bytes() == data


def test_a_file_of_the_right_form_is_believed(folder: Path) -> None:
    path = cache.path_for(DOCUMENTS, 9)
    path.parent.mkdir(parents=True)
    path.write_bytes(sealed(json.dumps({"kind": "bpe", "merges": [[97, 98]]})))
    assert trained(DOCUMENTS, 9) == BPETokenizer(((97, 98),))


def test_where_nothing_can_be_written_nothing_is_said(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be", encoding="utf-8")
    assert trained(DOCUMENTS, 9) == train_bpe(DOCUMENTS, 9)
    folder.unlink()
    cache.path_for(DOCUMENTS, 9).mkdir(parents=True)  # a folder where the file should be
    assert trained(DOCUMENTS, 9) == train_bpe(DOCUMENTS, 9)
    assert only_file(folder).is_dir()  # and nothing is left beside it
    shutil.rmtree(folder)
    assert trained(DOCUMENTS, 9) == train_bpe(DOCUMENTS, 9)
    assert only_file(folder).is_file()


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rinzler.files.os.fsync", full)
    assert trained(DOCUMENTS, 9) == train_bpe(DOCUMENTS, 9)
    assert list(folder.iterdir()) == []


def test_mistakes_are_those_of_training(folder: Path) -> None:
    with pytest.raises(ConfigError, match="the number of merges is -1"):
        trained(DOCUMENTS, -1)
    with pytest.raises(DataError, match="half of a surrogate pair"):
        trained(["\ud800"], 3)
    assert not folder.exists()

"""Requests that cannot be carried out: what is said, the exit code, and that nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rinzler.errors import DataError
from rinzler.plugins import CorpusInfo

REFUSALS: list[tuple[list[str], int, str]] = [
    (["gone.md"], 2, 'no file, folder or pattern matches "gone.md"'),
    (["*.gone"], 2, 'no file, folder or pattern matches "*.gone"'),
    (["empty.txt"], 2, "nothing to learn from: empty.txt is empty. Name a file with some text"),
    (["bin.txt"], 2, "bin.txt looks binary, with a zero byte at offset 1. Name text files only"),
    (["latin.txt"], 2, "latin.txt is not UTF-8: byte 0xe9 at offset 3. Convert it with: iconv"),
    (["fox.txt", "--heads", "5"], 2, "--heads 5 does not divide --d-model 16 (3.2 each); use "),
    (["fox.txt", "--dropout", "1"], 2, "--dropout is 1.0, expected 0 ≤ dropout < 1"),
    (["fox.txt", "--val-fraction", "0"], 2, "--val-fraction is 0.0, expected more than 0 and < 1"),
    (["fox.txt", "--val-fraction", "nan"], 2, "--val-fraction is nan, expected more than 0"),
    (
        ["fox.txt", "--context", "9999", "--vocab-size", "0"],
        2,
        "the training text has 4158 tokens, and one example needs 10000 (--context 9999 + 1). "
        "Lower the context to 4157 or less, or add text",
    ),
    (
        ["short.txt"],
        2,
        "the validation text has 1 tokens, expected at least 2. Add text, or hold back more: "
        "--val-fraction 0.2",
    ),
    (["fox.txt", "--threads", "0"], 2, "--threads is 0, expected a whole number of at least 1"),
    (["-"], 2, "unknown option -. Name a file: - stands for none. All options: rinzler-train --h"),
    (["/dev/null"], 2, "/dev/null is a pipe or a device, expected a file: a run that goes on rea"),
    (
        ["fox.txt", "--run-dir", "my runs"],
        2,
        "the run folder my runs is not empty (x). Name a new one, --run-dir 'my runs-2', or",
    ),
    (["fox.txt", "--run-dir", "full"], 2, "the run folder full is not empty (x). Name a new one"),
    (["fox.txt", "--run-dir", "fox.txt"], 2, "fox.txt is a file, expected a new folder"),
]


@pytest.mark.parametrize(("words", "code", "message"), REFUSALS, ids=lambda x: str(x)[:30])
def test_a_request_that_cannot_be_carried_out_leaves_nothing_behind(
    words: list[str], code: int, message: str, shell
) -> None:
    Path("empty.txt").touch()
    Path("bin.txt").write_bytes(b"a\0b")
    Path("latin.txt").write_bytes("caf\xe9 au lait".encode("latin1"))
    Path("short.txt").write_text("0123456789", encoding="utf-8")
    for folder in (Path("full"), Path("my runs")):
        folder.mkdir()
        (folder / "x").touch()
    before = sorted(Path().rglob("*"))
    got, text = shell.refused("rinzler-train", *words, "--steps", "6", "--d-model", "16")
    assert text.startswith(message)
    assert got == code
    assert sorted(Path().rglob("*")) == before


def test_a_name_too_long_for_the_disk(shell) -> None:
    name = "a" * 300
    code, message = shell.refused("rinzler-train", name)
    assert code == 2
    assert f'"{name}"' in message


def test_backends_that_cannot_be_had(shell) -> None:
    shell.train("fox.txt", "--quiet")
    for command in (("rinzler-train", "fox.txt"), ("rinzler-generate", "runs/fox-001")):
        code, message = shell.refused(*command, "--backend", "nmpy")
        assert code == 3
        assert message.startswith('backend "nmpy" is not installed. Did you mean "numpy"?')


def test_a_name_that_is_neither_text_nor_corpus(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rinzler.cli.corpus.list_corpora", list)
    code, message = shell.refused("rinzler-train", "pyton")
    assert code == 2
    assert message.startswith('no file, folder or pattern matches "pyton"')
    assert message.endswith("(installed corpora: none)")


def test_no_text_and_no_corpus_to_fall_back_on(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise DataError(f'corpus "{name}" is not installed')

    monkeypatch.setattr("rinzler.cli.corpus.load_corpus", missing)
    code, message = shell.refused("rinzler-train")
    assert code == 2
    assert message == (
        'no text was named, and the one for that case cannot be had: corpus "python" is not '
        "installed. Name a text: rinzler-train notes.txt, or: pip install rinzler-corpus"
    )


def test_an_installed_corpus_by_name_unless_a_file_has_it(
    shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rinzler.cli.corpus.list_corpora", lambda: [CorpusInfo("verse", "a:b")])
    monkeypatch.setattr("rinzler.cli.corpus.load_corpus", lambda name: [(name, shell.text * 2)])
    _, _, err = shell.train("--corpus", "verse")
    assert "corpus     verse · 1 document · 9.24 kB" in err
    _, _, err = shell.train("verse", "fox.txt")
    assert " · 2 documents · 13.9 kB" in err
    Path("verse").write_text(shell.text, encoding="utf-8")
    _, _, err = shell.train("verse")
    assert "corpus     verse · 1 document · 4.62 kB" in err

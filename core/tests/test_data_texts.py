"""What a person points at becomes text, or the message says what it is instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from rinzler.data import TEXT_SUFFIXES, read_texts
from rinzler.errors import DataError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with some texts."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.md", "deep/er/c.TXT", "deep/d.rst", "notes.html", "photo.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}", encoding="utf-8")
    hidden = tmp_path / ".git" / "secret.txt"
    hidden.parent.mkdir()
    hidden.write_text("not for learning", encoding="utf-8")
    return tmp_path


def names(*patterns: str | Path) -> list[str]:
    return [name for name, _ in read_texts(patterns)]


def refusal(*patterns: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        read_texts(patterns)
    return str(caught.value)


@pytest.mark.usefixtures("folder")
def test_files_folders_and_patterns() -> None:
    assert read_texts(["b.txt", "a.md"]) == [("b.txt", "text of b.txt"), ("a.md", "text of a.md")]
    assert read_texts("b.txt") == [("b.txt", "text of b.txt")]
    assert names("deep") == ["deep/d.rst", "deep/er/c.TXT"]
    assert names("*.txt", "*.html") == ["b.txt", "notes.html"]
    assert names("**/*.[rt][sx]t") == ["b.txt", "deep/d.rst"]
    assert names(".") == ["a.md", "b.txt", "deep/d.rst", "deep/er/c.TXT"]
    assert names(Path("deep") / "d.rst") == ["deep/d.rst"]


def test_a_file_named_twice_is_read_once(folder: Path) -> None:
    assert names("b.txt", "*.txt", ".", folder / "b.txt", "./deep/../a.md") == [
        "b.txt",
        "a.md",
        "deep/d.rst",
        "deep/er/c.TXT",
    ]


def test_a_name_that_looks_like_a_pattern(folder: Path) -> None:
    (folder / "[1]").mkdir()
    (folder / "[1]" / "b[2].txt").write_text("bracketed", encoding="utf-8")
    assert names("[1]/b[2].txt") == ["[1]/b[2].txt"]
    assert names("[1]") == ["[1]/b[2].txt"]


def test_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert names("~/b.txt") == [(folder / "b.txt").as_posix()]


def test_marks_and_line_ends(folder: Path) -> None:
    (folder / "w.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n\r\n\xef\xbb\xbfend")
    assert read_texts(["w.txt"]) == [("w.txt", "one\ntwo\nthree\n\n\ufeffend")]


def test_empty_files_are_left_out(folder: Path) -> None:
    (folder / "e.txt").write_bytes(b"\xef\xbb\xbf")
    (folder / "f.txt").write_text(" \n\n", encoding="utf-8")
    assert names("*.txt") == ["b.txt"]
    assert refusal("e.txt") == "nothing to learn from: e.txt is empty. Name a file with some text"
    (folder / "g.txt").touch()
    (folder / "h.txt").touch()
    assert "from: h.txt, g.txt, f.txt, … is empty" in refusal("h.txt", "g.txt", "f.txt", "e.txt")


def test_nothing_was_named() -> None:
    assert refusal() == "no text was named: name files, folders or patterns like notes/*.md"


@pytest.mark.parametrize("pattern", ["none.txt", "*.csv", "none/", "deep/*"])
def test_no_match(folder: Path, pattern: str) -> None:
    (folder / "deep" / "d.rst").unlink()  # what is left in deep/ is a folder
    assert refusal("a.md", pattern) == (
        f'no file, folder or pattern matches "{pattern}" (looked in {folder}). '
        "Check the spelling, or name the file with its whole path"
    )


def test_a_name_that_cannot_be_looked_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    assert refusal("a.md") == (
        '"a.md" cannot be looked up: Permission denied. Check the spelling, and who may read it'
    )


def test_a_folder_without_texts(folder: Path) -> None:
    (folder / "images").mkdir()
    (folder / "images" / "x.png").touch()
    assert refusal("images") == (
        f"the folder images holds no text ({' '.join(TEXT_SUFFIXES)}). "
        "Name other files by a pattern: images/**/*.html"
    )


def test_a_binary_file(folder: Path) -> None:
    (folder / "photo.jpg").write_bytes(b"\xff\xd8JFIF\0\1")
    assert refusal("*.jpg") == (
        "photo.jpg looks binary, with a zero byte at offset 6. Name text files only"
    )


def test_latin1(folder: Path) -> None:
    (folder / "old.txt").write_bytes("\ufeffnaïve Gr".encode() + b"\xfc\xdfe")
    with pytest.raises(DataError) as caught:
        read_texts(["old.txt"])
    assert str(caught.value) == (
        "old.txt is not UTF-8: byte 0xfc at offset 12. Convert it with: "
        'iconv -f latin1 -t utf-8 "old.txt" > "old.txt.utf8", if it is Western European, '
        "or save it as UTF-8"
    )
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16(folder: Path, encoding: str) -> None:
    (folder / "pad.txt").write_bytes("\ufeffhello".encode(encoding))
    assert refusal("pad.txt") == (
        "pad.txt is UTF-16, expected UTF-8. "
        'Convert it with: iconv -f utf-16 -t utf-8 "pad.txt" > "pad.txt.utf8"'
    )


def test_a_file_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root reads everything
    with pytest.raises(DataError) as caught:
        read_texts(["b.txt"])
    assert str(caught.value) == "b.txt cannot be read: Permission denied. Check who may read it"
    assert isinstance(caught.value.__cause__, PermissionError)

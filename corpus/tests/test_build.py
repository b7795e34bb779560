"""The whole: exactly this text from that library, and the same bytes in every process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from rinzler.errors import DataError
from rinzler_corpus.build import build

EXPECTED = [
    (
        "alpha",
        """alpha
*****

class alpha.Outer

   A class.

class Outer.Inner

   A class inside.

Inner.wait(seconds=1.5, /, *rest)

   Wait a little.

Outer.size

   How large it is.

Outer.make(a, b=None, **options)

   Make one.

Outer.__len__()

   The number of items.
""",
    ),
    ("help/Lambda", "Lambdas\n*******\n\nSmall functions.\n"),
    ("latin", "latin\n*****\n\nPlain.\n"),
    ("package", "package\n*******\n\nA package.\n"),
    ("package.Beta", "package.Beta\n************\n\nA module inside.\n"),
    ("windows", "windows\n*******\n\nOne line.\n\nAnother.\n"),
    (
        "help/with",
        'The "with" statement\n********************\n\n'
        'It is used with context managers--and "closing".\n',
    ),
    (
        "zebra",
        "zebra\n*****\n\nStripes.\n\nBlack ones:\n\n  and deeper, white ones.\n\n"
        "zebra.count(animals, *, start=0)\n\n   Count the stripes.\n",
    ),
]

# Names that only an import of the standard library, not a look at its files, would bring in.
TELLTALES = ["antigravity", "this", "turtle", "tkinter", "pydoc_data.topics", "sqlite3", "curses"]

PROBE = f"""
import json, sys, sysconfig
from pathlib import Path
before = set(sys.modules)
from rinzler_corpus.build import build
documents = build(Path(sysconfig.get_path("stdlib")))
imported = [name for name in {TELLTALES} if name in sys.modules and name not in before]
Path(sys.argv[1]).write_text(json.dumps([documents, imported]), encoding="utf-8")
"""


def test_exactly_this_text(stdlib: Path) -> None:
    assert build(stdlib) == EXPECTED


def test_without_topics_the_docstrings_remain(stdlib: Path) -> None:
    (stdlib / "pydoc_data" / "topics.py").unlink()
    assert build(stdlib) == [pair for pair in EXPECTED if not pair[0].startswith("help/")]


def test_without_modules_the_topics_remain(stdlib: Path) -> None:
    for path in stdlib.rglob("*.py"):
        if path.name != "topics.py":
            path.unlink()
    assert build(stdlib) == [pair for pair in EXPECTED if pair[0].startswith("help/")]


def test_a_docstring_comes_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        source = f'"""Say it once."""\ndef {name}(): "Of {name}."\n'
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    texts = dict(build(tmp_path))
    assert texts["one"] == "one\n***\n\nSay it once.\n\none.one()\n\n   Of one.\n"
    assert texts["two"] == "two\n***\n\ntwo.two()\n\n   Of two.\n"


def test_a_heading_outside_ascii_goes_with_its_entry(tmp_path: Path) -> None:
    source = '"""Text."""\ndef f(sep="\u2026"): "Joined."\ndef g(): "Left."\n'
    (tmp_path / "m.py").write_text(source, encoding="utf-8")
    assert build(tmp_path) == [("m", "m\n*\n\nText.\n\nm.g()\n\n   Left.\n")]


def test_nothing_to_read_names_the_places_and_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        build(tmp_path)
    message = str(raised.value)
    assert str(tmp_path / "pydoc_data" / "topics.py") in message
    assert str(tmp_path / "**" / "*.py") in message
    assert message.endswith("rinzler-train YOUR_TEXT.txt")


@pytest.fixture(scope="module")
def two_builds(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[list[list[str]], list[str]]]:
    """The corpus of this Python and what its building imported, from two fresh processes."""
    folder = tmp_path_factory.mktemp("builds")
    paths = [folder / "1.json", folder / "2.json"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROBE, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed, path in zip(("1", "2"), paths, strict=True)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def test_two_processes_build_the_same_bytes(two_builds: list) -> None:
    (first, _), (second, _) = two_builds
    assert first == second


def test_nothing_that_is_read_is_imported(two_builds: list) -> None:
    assert [imported for _documents, imported in two_builds] == [[], []]


def test_the_real_text_is_clean(two_builds: list) -> None:
    documents = two_builds[0][0]
    names = [name for name, _text in documents]
    assert "textwrap" in names
    topics = Path(sysconfig.get_path("stdlib"), "pydoc_data", "topics.py")
    assert any(name.startswith("help/") for name in names) == topics.is_file()
    assert names == sorted(names, key=lambda name: (name.removeprefix("help/").lower(), name))
    for name, text in documents:
        assert re.fullmatch(r"[\n -~]+", text), name
        assert not re.search(r" $|\n\n\n|\A\n", text, re.MULTILINE), name
        assert text.endswith("\n"), name


def test_no_long_paragraph_of_the_real_text_comes_twice(two_builds: list) -> None:
    seen = set()
    for name, text in two_builds[0][0]:
        for paragraph in text.split("\n\n"):
            key = " ".join(paragraph.split())
            if len(key) >= 80:
                assert key not in seen, (name, paragraph)
                seen.add(key)

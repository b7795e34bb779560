"""Reading: which files, which definitions, under which heading, and what is survived."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from rinzler_corpus.sources import (
    Entry,
    entries_in,
    is_public,
    module_files,
    read_modules,
    read_topics,
)


def signature_of(definition: str) -> str:
    (entry,) = entries_in(ast.parse(f'{definition}\n    "Text."').body, "module")
    return entry.heading


def test_public_modules_are_found_in_the_order_of_their_names(stdlib: Path) -> None:
    names = [name for name, _path in module_files(stdlib)]
    expected = "alpha bad empty latin nul package package.Beta package.__main__ plain undecodable"
    assert names == [*expected.split(), "windows", "zebra"]


def test_entries_of_every_module(stdlib: Path) -> None:
    assert list(read_modules(stdlib)) == [
        (
            "alpha",
            [
                Entry("class alpha.Outer", "A class."),
                Entry("class Outer.Inner", "A class inside."),
                Entry("Inner.wait(seconds=1.5, /, *rest)", "Wait a little."),
                Entry("Outer.size", "How large it is."),
                Entry("Outer.make(a, b=None, **options)", "Make one."),
                Entry("Outer.__len__()", "The number of items."),
            ],
        ),
        ("latin", [Entry("", "Caf\xe9s.\n\nPlain.")]),
        ("package", [Entry("", "A package.")]),
        ("package.Beta", [Entry("", "A module inside.")]),
        ("windows", [Entry("", "One line.\n\nAnother.")]),
        (
            "zebra",
            [
                Entry("", "Stripes.\n\nBlack ones:\n\n  and deeper, white ones."),
                Entry("zebra.count(animals, *, start=0)", "Count the stripes."),
            ],
        ),
    ]


@pytest.mark.parametrize(
    ("definition", "heading"),
    [
        ("def f(): pass", "module.f()"),
        ("def f(self): pass", "module.f()"),
        ("def f(self, /, x): pass", "module.f(x)"),
        (
            "def f(x: int = 1, *a: str, k: int, **kw: int) -> None: pass",
            "module.f(x=1, *a, k, **kw)",
        ),
        ("async def f(x, self): pass", "module.f(x, self)"),
        (f"def f({', '.join('x' + str(i) for i in range(20))}): pass", "module.f(...)"),
        ("@functools.cached_property\ndef f(self): pass", "module.f"),
        ("@decorate(1)\ndef f(self): pass", "module.f()"),
        ("class C(Base): pass", "class module.C"),
    ],
)
def test_headings(definition: str, heading: str) -> None:
    assert signature_of(definition.replace(": pass", ":")) == heading


@pytest.mark.parametrize(
    "around",
    [
        "if x:\n  {}",
        "if x: pass\nelse:\n  {}",
        "try:\n  {}\nfinally: pass",
        "try: pass\nexcept E:\n  {}",
        "try: pass\nfinally:\n  {}",
        "with x:\n  {}",
        "for x in y:\n  {}",
    ],
)
def test_definitions_one_level_down_are_found(around: str) -> None:
    body = ast.parse(around.format('def f(): "Text."')).body
    assert list(entries_in(body, "m")) == [Entry("m.f()", "Text.")]


@pytest.mark.parametrize(
    ("name", "public"), [("join", True), ("__init__", True), ("_join", False), ("__x", False)]
)
def test_public_names(name: str, public: bool) -> None:
    assert is_public(name) is public


def test_topics_are_read_as_a_literal(stdlib: Path) -> None:
    topics = dict(read_topics(stdlib))
    assert list(topics) == ["with", "Lambda"]
    assert topics["Lambda"] == "Lambdas\n*******\n\nSmall functions.\n"


@pytest.mark.parametrize(
    "source",
    [
        "topics: dict[str, str] = {'a': 'Text.'}",  # annotated
        "from x import y\ntopics = {'a': r'''Text.'''}",  # after something else, another quote
    ],
)
def test_other_layouts_of_the_topics(tmp_path: Path, source: str) -> None:
    (tmp_path / "pydoc_data").mkdir()
    (tmp_path / "pydoc_data" / "topics.py").write_text(source, encoding="utf-8")
    assert read_topics(tmp_path) == [("a", "Text.")]


@pytest.mark.parametrize(
    "source", ["topics = {'a': dedent('Text.')}", "topics = load()", "topics = {", ""]
)
def test_topics_of_an_unknown_layout_are_none(tmp_path: Path, source: str) -> None:
    (tmp_path / "pydoc_data").mkdir()
    (tmp_path / "pydoc_data" / "topics.py").write_text(source, encoding="utf-8")
    assert read_topics(tmp_path) == []


def test_a_missing_folder_has_nothing(tmp_path: Path) -> None:
    assert read_topics(tmp_path / "nowhere") == []
    assert list(read_modules(tmp_path / "nowhere")) == []


def test_old_escapes_in_other_peoples_files_do_not_warn(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text('"""Text."""\nx = "\\d"\n', encoding="utf-8")
    assert list(read_modules(tmp_path)) == [("old", [Entry("", "Text.")])]

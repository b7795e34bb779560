"""Texts that plugins bring along, and loaders that do not deliver."""

from __future__ import annotations

import pytest

from rinzler.errors import DataError
from rinzler.plugins import list_corpora, load_corpus

LOADERS = """
def good(): return [("one", "text of one"), ("two", "text of two")]
def lazy(): yield ("a", "b")
def raises(): raise OSError("no disk")
def exits(): raise SystemExit
def half(): yield ("a", "b"); raise ValueError("half way")
def nothing(): return []
def number(): return 3
def texts(): return ["abc"]
def lists(): return [["a", "b"]]
def three(): return [("a", "b", "c")]
def numbers(): return [("a", 3)]
"""


def corpora(*records: str) -> str:
    listed = ", ".join(f"CorpusInfo({record})" for record in records)
    return f"@hookimpl\ndef rinzler_corpora():\n    return [{listed}]\n"


@pytest.fixture
def texts(site):
    (site.path / "loaders.py").write_text(LOADERS, encoding="utf-8")
    return site


def test_listed_by_name_and_loaded(texts):
    texts.install_plugin(
        "texts", corpora("'b-text', 'loaders:good', 'B', 'MIT'", "'a', 'loaders:lazy'")
    )
    texts.plugins()
    infos = list_corpora()
    assert [info.name for info in infos] == ["a", "b-text"]
    assert (infos[1].summary, infos[1].license) == ("B", "MIT")
    assert load_corpus("b-text") == [("one", "text of one"), ("two", "text of two")]
    assert load_corpus("rinzler-texts:a") == [("a", "b")]
    report = texts.report("a")
    assert (report.kind, report.state) == ("corpus", "ready")


def test_not_installed(texts):
    texts.install_plugin("texts", corpora("'novels', 'loaders:good'"))
    texts.plugins()
    with pytest.raises(DataError) as caught:
        load_corpus("novel")
    assert str(caught.value) == (
        'corpus "novel" is not installed. Did you mean "novels"? (installed: novels)'
    )
    with pytest.raises(DataError) as caught:
        load_corpus("shakespeare")
    assert str(caught.value) == (
        'corpus "shakespeare" is not installed. rinzler backends lists every plugin '
        "(installed: novels)"
    )


@pytest.mark.parametrize(
    ("loader", "reason"),
    [
        ("loaders:raises", "OSError: no disk"),
        ("loaders:exits", "SystemExit"),
        ("loaders:half", "ValueError: half way"),
        ("loaders:number", "TypeError: 'int' object is not iterable"),
        ("loaders:absent", "'loaders:absent': loaders has no attribute 'absent'"),
        ("absent:load", "ModuleNotFoundError: No module named 'absent'"),
    ],
)
def test_a_loader_that_fails(texts, loader, reason):
    texts.install_plugin("texts", corpora(f"'novels', {loader!r}", "'fine', 'loaders:good'"))
    texts.plugins()
    with pytest.raises(DataError) as caught:
        load_corpus("novels")
    assert str(caught.value) == (
        f'corpus "novels" (rinzler-texts 1.0) could not be loaded: {reason}. '
        "pip install --upgrade rinzler-texts"
    )
    assert caught.value.__cause__ is texts.report("novels").error
    assert texts.report("novels").state == "failed"
    assert len(load_corpus("fine")) == 2


@pytest.mark.parametrize(
    ("loader", "got"),
    [
        ("nothing", "nothing"),
        ("texts", "'abc'"),
        ("lists", "\"['a', 'b']\""),
        ("three", "\"('a', 'b', 'c')\""),
        ("numbers", "\"('a', 3)\""),
    ],
)
def test_a_loader_that_returns_something_else(texts, loader, got):
    texts.install_plugin("texts", corpora(f"'novels', 'loaders:{loader}'"))
    texts.plugins()
    with pytest.raises(DataError) as caught:
        load_corpus("novels")
    assert str(caught.value) == (
        f'corpus "novels": its loader returned {got}, expected (title, text) pairs of strings'
    )


def test_two_of_one_name(texts):
    texts.install_plugin("one", corpora("'novels', 'loaders:good'"))
    texts.install_plugin("two", corpora("'novels', 'loaders:lazy'"))
    texts.plugins()
    with pytest.raises(DataError) as caught:
        load_corpus("novels")
    assert str(caught.value) == (
        'corpus "novels" is offered by rinzler-one 1.0 and rinzler-two 1.0. '
        'Ask for "rinzler-one:novels" or "rinzler-two:novels", or uninstall one of them'
    )
    assert list_corpora() == []
    assert load_corpus("rinzler-two:novels") == [("a", "b")]


def test_a_broken_plugin_hides_no_text(texts):
    texts.install_plugin("texts", corpora("'novels', 'loaders:good'"))
    texts.install_plugin("bad", "raise ValueError('boom')\n")
    texts.plugins()
    assert [info.name for info in list_corpora()] == ["novels"]
    with pytest.raises(DataError, match=r'corpus "bad" cannot be used: its plugin .* is broken'):
        load_corpus("bad")

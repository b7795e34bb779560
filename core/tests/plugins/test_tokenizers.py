"""Tokenizers that plugins bring along, and those that could not be trusted with a checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rinzler.errors import DataError, PluginError
from rinzler.plugins import (
    TokenizerInfo,
    find_tokenizer,
    list_tokenizers,
    load_tokenizer,
    train_tokenizer,
)
from rinzler.plugins.records import BUILT_IN_TOKENIZERS
from rinzler.plugins.tokenizers import METHODS
from rinzler.tokenizer import BPETokenizer, ByteTokenizer, Tokenizer

TEXTS = ["the fox and the dog", "the end"]


def tokenizers(train: str = "words:train", load: str = "words:load", name: str = "words") -> str:
    record = f"TokenizerInfo({name!r}, {train!r}, {load!r}, 'whole words')"
    return (
        "from rinzler.plugins import TokenizerInfo\n"
        f"@hookimpl\ndef rinzler_tokenizers():\n    return [{record}]\n"
    )


@pytest.fixture
def words(site):
    shutil.copy(Path(__file__).parent / "stranger" / "words.py", site.path)
    return site


def test_listed_trained_kept_and_loaded(words):
    words.install_plugin("words", tokenizers())
    words.plugins()
    assert [info.summary for info in list_tokenizers()] == ["whole words"]
    assert find_tokenizer("words") == find_tokenizer("rinzler-words:words")
    made: Tokenizer = train_tokenizer("words", TEXTS, 3)
    assert made.vocab_size == 3
    ids = made.encode("the wolf and the fox")
    assert ids.tolist()[0] == ids.tolist()[3] == 1
    again: Tokenizer = load_tokenizer(json.loads(json.dumps(made.to_json())))
    assert again.encode(TEXTS[0]).tolist() == made.encode(TEXTS[0]).tolist()
    assert again.decode([1, 0]) == "the ? "
    report = words.report("words")
    assert (report.kind, report.state) == ("tokenizer", "ready")


def test_what_plugins_check_is_what_the_protocol_asks():
    asked = {name for name in vars(Tokenizer) if not name.startswith("_")}
    assert asked == {*METHODS, "vocab_size"}


def test_the_built_in_kinds_are_not_for_plugins(words):
    assert sorted(BUILT_IN_TOKENIZERS) == sorted([ByteTokenizer.kind, BPETokenizer.kind])
    for name in BUILT_IN_TOKENIZERS:
        with pytest.raises(PluginError, match=f"TokenizerInfo '{name}': name is '{name}', expecte"):
            TokenizerInfo(name, "m:f", "m:f")
        with pytest.raises(DataError, match=f'"{name}" is not a plugin\'s: it is in rinzler.token'):
            load_tokenizer({"kind": name})
    words.install_plugin("bad", tokenizers(name="bpe"))
    words.plugins()
    assert "expected a name other than 'bpe' and 'bytes'" in words.report("bad").reason
    assert list_tokenizers() == []


def test_not_installed(words):
    words.install_plugin("words", tokenizers())
    words.plugins()
    with pytest.raises(DataError) as caught:
        train_tokenizer("wrods", TEXTS, 3)
    assert str(caught.value) == (
        'tokenizer "wrods" is not installed. Did you mean "words"? (installed: bpe, bytes, words)'
    )
    with pytest.raises(DataError) as caught:
        load_tokenizer({"kind": "syllables"})
    assert str(caught.value) == (
        'tokenizer "syllables" (from a checkpoint) is not installed. Install the plugin that it '
        "was trained with, or: pip install --upgrade rinzler (installed: bpe, bytes, words)"
    )


@pytest.mark.parametrize("kind", [None, 7, "", "A B", "rinzler-words:words", "x\x1b[31m", ["bpe"]])
def test_a_kind_that_is_no_name(words, kind):
    words.plugins()
    with pytest.raises(
        DataError, match=r"tokenizer's record has the kind .*, expected a name"
    ) as e:
        load_tokenizer({"kind": kind})
    assert "\x1b" not in str(e.value)


FAILURES = [
    ("words:raises", "OSError: no disk"),
    ("words:exits", "SystemExit"),
    ("words:absent", "'words:absent': words has no attribute 'absent'"),
    ("absent:train", "ModuleNotFoundError: No module named 'absent'"),
    ("words:half", "object has no method decode()"),
    ("words:number", "int has no method decode()"),
    ("words:no_size", "its vocab_size is 0, expected a whole number of at least 1"),
    ("words:other_kind", "to_json() returned {'kind': 'other', 'words': ['a']}, expected {'kind'"),
    ("words:no_record", "to_json() returned None, expected {'kind': 'words', ...}"),
    ("words:no_json", "TypeError: Object of type set is not JSON serializable"),
    ("words:not_a_number", "ValueError: Out of range float values are not JSON compliant"),
]


@pytest.mark.parametrize(("train", "reason"), FAILURES)
def test_training_that_fails(words, train, reason):
    words.install_plugin("words", tokenizers(train))
    words.plugins()
    with pytest.raises(DataError) as caught:
        train_tokenizer("words", TEXTS, 3)
    assert str(caught.value).startswith(
        f'tokenizer "words" (rinzler-words 1.0) cannot be used: {reason}'
    )
    assert str(caught.value).endswith(". pip install --upgrade rinzler-words")
    report = words.report("words")
    assert report.state == "failed"
    assert caught.value.__cause__ is report.error


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        ("words:forgets", "'words:forgets' made another tokenizer of its own record"),
        ("words:raises", "OSError: no disk"),
        ("words:half", "object has no method decode()"),
    ],
)
def test_a_tokenizer_that_does_not_come_back_is_refused_before_training(words, load, reason):
    words.install_plugin("words", tokenizers(load=load))
    words.plugins()
    with pytest.raises(DataError) as caught:
        train_tokenizer("words", TEXTS, 3)
    assert f"cannot be used: {reason}. pip" in str(caught.value)


@pytest.mark.parametrize("load", ["words:raises", "words:number", "absent:load"])
def test_loading_that_fails(words, load):
    words.install_plugin("words", tokenizers(load=load))
    words.plugins()
    with pytest.raises(DataError, match=r'"words" \(rinzler-words 1.0\) cannot be used: .* pip'):
        load_tokenizer({"kind": "words", "words": []})


def test_a_text_that_the_tokenizer_refuses_is_told_in_its_own_words(words):
    words.install_plugin("words", tokenizers())
    words.plugins()
    with pytest.raises(DataError) as caught:
        train_tokenizer("words", ["  "], 3)
    assert str(caught.value) == "there is no word in these texts"
    assert words.report("words").state == "ready"


def test_prints_go_to_stderr(words, capsys):
    words.install_plugin("words", tokenizers("words:prints"))
    words.plugins()
    train_tokenizer("words", TEXTS, 3)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "training\n")


def test_two_of_one_name(words):
    for name in ("one", "two"):
        words.install_plugin(name, tokenizers())
    words.plugins()
    assert list_tokenizers() == []
    held = 'tokenizer "words"{} is offered by rinzler-one 1.0 and rinzler-two 1.0. '
    with pytest.raises(DataError) as caught:
        train_tokenizer("words", TEXTS, 3)
    assert str(caught.value) == held.format("") + (
        'Ask for "rinzler-one:words" or "rinzler-two:words", or uninstall one of them'
    )
    assert train_tokenizer("rinzler-two:words", TEXTS, 3).vocab_size == 3
    with pytest.raises(DataError) as caught:
        load_tokenizer({"kind": "words", "words": []})
    assert str(caught.value) == held.format(" (from a checkpoint)") + (
        "Uninstall one of them, or keep one out: RINZLER_BLOCK=rinzler-one"
    )


def test_a_broken_plugin_hides_no_tokenizer(words):
    words.install_plugin("words", tokenizers())
    words.install_plugin("bad", "@hookimpl\ndef rinzler_tokenizers():\n    return 7\n")
    words.plugins()
    assert [info.name for info in list_tokenizers()] == ["words"]
    assert words.report("bad").reason == (
        "rinzler_tokenizers returned 7 (int), expected an iterable of TokenizerInfo"
    )
    with pytest.raises(DataError, match=r'tokenizer "bad" cannot be used: its plugin .* is broken'):
        find_tokenizer("bad")

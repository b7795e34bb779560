"""Records refuse what a loader could not use, and say which field it is."""

from __future__ import annotations

import dataclasses

import pytest

from rinzler.errors import PluginError
from rinzler.plugins import BackendInfo, CorpusInfo, TokenizerInfo


@pytest.mark.parametrize("name", ["numpy", "a", "cpu_2", "x0"])
def test_backend_names_that_pass(name):
    assert BackendInfo(name, "module:Backend").name == name


@pytest.mark.parametrize("name", ["", "Numpy", "2d", "a-b", "a b", "_a", "é", "a\n", None, 7])
def test_backend_names_that_do_not(name):
    with pytest.raises(PluginError, match=r"name is .*, expected a string that matches \[a-z\]"):
        BackendInfo(name, "module:Backend")


def test_auto_is_taken():
    with pytest.raises(PluginError, match="expected a name other than 'auto'"):
        BackendInfo("auto", "module:Backend")


BAD_FIELDS = [
    ("factory", "module.Backend", "a string 'module:callable'"),
    ("factory", "module:a:b", "a string 'module:callable'"),
    ("factory", ":Backend", "a string 'module:callable'"),
    ("factory", "my-module:Backend", "a string 'module:callable'"),
    ("factory", print, "a string 'module:callable'"),
    ("protocol", 1, "two integers"),
    ("protocol", [1, 0], "two integers"),
    ("protocol", (1, 0, 0), "two integers"),
    ("protocol", (1, -1), "two integers"),
    ("protocol", ("1", "0"), "two integers"),
    ("priority", "high", "an integer"),
    ("priority", True, "an integer"),
    ("requires", "numba", "import names like"),
    ("requires", ("numba>=0.6",), "import names like"),
    ("requires", (7,), "import names like"),
    ("probe", "has_gpu", "None or a string"),
    ("summary", None, "a string"),
    ("install_hint", 3, "a string"),
]


@pytest.mark.parametrize(("field", "value", "expected"), BAD_FIELDS)
def test_backend_fields(field, value, expected):
    fields = {"name": "mine", "factory": "module:Backend", field: value}
    with pytest.raises(PluginError) as caught:
        BackendInfo(**fields)
    assert str(caught.value).startswith(f"BackendInfo 'mine': {field} is {value!r}, expected ")
    assert expected in str(caught.value)


def test_a_corpus_may_have_hyphens_and_needs_a_loader():
    assert CorpusInfo("python-docs", "module:load").name == "python-docs"
    with pytest.raises(PluginError, match="CorpusInfo 'texts': loader is 'load', expected"):
        CorpusInfo("texts", "load")
    with pytest.raises(PluginError, match="name is 'My Texts', expected a string that matches"):
        CorpusInfo("My Texts", "module:load")


@pytest.mark.parametrize(
    ("field", "value"), [("name", "My Words"), ("train", "words"), ("load", print), ("summary", 3)]
)
def test_tokenizer_fields(field, value):
    fields = {"name": "words", "train": "m:f", "load": "m:f", field: value}
    with pytest.raises(PluginError, match=rf"^TokenizerInfo .*: {field} is .*, expected a string"):
        TokenizerInfo(**fields)


def test_records_are_frozen():
    info = BackendInfo("mine", "module:Backend")
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.priority = 99

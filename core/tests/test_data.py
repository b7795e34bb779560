"""Splits: nothing is lost on the way, and nothing is on both sides."""

from __future__ import annotations

import gzip
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinzler import data
from rinzler.data import ByteTokenizer, split
from rinzler.errors import ConfigError, DataError

BYTES = ByteTokenizer()


def ids_as_text(ids: np.ndarray) -> str:
    return BYTES.decode(ids)


def test_one_text_gives_its_end() -> None:
    text = "".join(chr(32 + i % 90) for i in range(1_115_394))  # as long as tiny Shakespeare
    result = split([("one", text)], 0.1, BYTES)
    assert len(result.val) == 111_540
    assert result.val_text == text[-111_540:]
    assert ids_as_text(result.train[-50:]) + result.val_text[:50] == text[1_003_804:1_003_904]
    assert (result.train.dtype, result.val.dtype) == (np.int32, np.int32)


@given(st.text(min_size=1), st.floats(0, 0.99))
@settings(deadline=None)
def test_one_text_is_cut_between_characters(text: str, fraction: float) -> None:
    result = split([("one", text)], fraction, BYTES)
    assert ids_as_text(result.train) + ids_as_text(result.val) == text
    assert ids_as_text(result.val) == result.val_text
    wanted = fraction * len(text.encode())
    assert wanted - 4 < len(result.val) < wanted + 1.001


def test_a_few_texts_give_their_ends() -> None:
    documents = [("a", "a" * 80 + "A" * 20), ("b", "b" * 8 + "B" * 2), ("c", "c" * 40 + "C" * 10)]
    result = split(documents, 0.2, BYTES)
    assert ids_as_text(result.train) == "a" * 80 + "\n\n" + "b" * 8 + "\n\n" + "c" * 40
    assert result.val_text == "A" * 20 + "\n\nBB\n\n" + "C" * 10
    assert ids_as_text(result.val) == result.val_text


def test_a_few_texts_are_never_held_back_whole() -> None:
    result = split([("", letter * 30) for letter in "abc"], 1 / 3, BYTES)
    assert result.val_text == "\n\n".join(letter * 10 for letter in "abc")


def test_many_texts_give_whole_ones_evenly() -> None:
    texts = [f"document {i:03d}, and it says {'very ' * (i % 7)}little" for i in range(200)]
    result = split([("", text) for text in texts], 0.1, BYTES)
    held = result.val_text.split("\n\n")
    assert ids_as_text(result.train).split("\n\n") == [text for text in texts if text not in held]
    places = [texts.index(text) for text in held]
    assert 17 <= len(places) <= 23
    assert max(np.diff([-1, *places, 200])) <= 15
    assert abs(len("".join(held)) / len("".join(texts)) - 0.1) < 0.005


@pytest.mark.parametrize("sizes", [[2**i for i in range(20)], [10] * 99 + [100_000]])
def test_many_texts_of_very_different_size_give_their_ends(sizes: list[int]) -> None:
    documents = [(str(size), "x" * size) for size in sizes]
    fraction = 0.45 if len(sizes) == 20 else 0.1
    result = split(documents, fraction, BYTES)
    total = sum(sizes)
    assert abs(len(result.val) / total - fraction) < 0.02


def test_the_same_split_every_time() -> None:
    documents = [(str(i), "word " * (i % 13 + 1)) for i in range(300)]
    first, second = split(documents, 0.1, BYTES), split(documents, 0.1, BYTES)
    np.testing.assert_array_equal(first.train, second.train)
    assert first.val_text == second.val_text


def test_nothing_held_back() -> None:
    result = split([("a", "abc"), ("b", "def")], 0, BYTES)
    assert (ids_as_text(result.train), result.val_text, len(result.val)) == ("abc\n\ndef", "", 0)


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_fraction_out_of_range(fraction: float) -> None:
    words = f"val_fraction is {fraction}, expected at least 0 and less than 1"
    with pytest.raises(ConfigError, match=words):
        split([("a", "abc")], fraction, BYTES)


def test_no_documents() -> None:
    with pytest.raises(DataError, match="no documents to split: name a text to train on"):
        split([], 0.1, BYTES)


def test_the_summary() -> None:
    text = "How is a raven like a writing desk? Größer.\n" * 50
    documents = [("a", text), ("b", text)]
    result = split(documents, 0.2, BYTES)
    summary = data.corpus_summary(documents, result)
    size = 2 * len(text.encode())
    assert (summary.documents, summary.bytes) == (2, size)
    assert summary.val_bytes == summary.val_tokens == len(result.val_text.encode())
    assert summary.train_tokens + summary.val_tokens == size + 2 * len("\n\n")
    assert summary.gzip_bits_per_byte == data.gzip_bits_per_byte(result.val_text)
    empty = data.corpus_summary(documents, split(documents, 0.0, BYTES))
    assert empty.gzip_bits_per_byte is None


def test_gzip_is_gzip() -> None:
    rng = np.random.default_rng(5)
    noise = "".join(map(chr, rng.integers(0, 128, 20_000)))
    assert 7.0 <= data.gzip_bits_per_byte(noise) < 7.2  # seven random bits per byte
    assert data.gzip_bits_per_byte("ab" * 10_000) < 0.05
    text = inspect.getsource(np.testing.assert_allclose)
    # The two differ by 12 bytes of gzip's own header and trailer.
    packed = len(gzip.compress(text.encode(), 9)) - 12
    assert data.gzip_bits_per_byte(text) == pytest.approx(8 * packed / len(text.encode()), abs=0.01)
    with pytest.raises(DataError, match="an empty text has no bits per byte: hold some text back"):
        data.gzip_bits_per_byte("")

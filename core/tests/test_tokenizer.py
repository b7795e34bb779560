"""Tokenizers: nothing is lost on the way, whatever the text and whatever the ids."""

from __future__ import annotations

import inspect
import unicodedata
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rinzler import data
from rinzler.errors import ConfigError, DataError
from rinzler.tokenizer import END, BPETokenizer, ByteTokenizer, Tokenizer, train_bpe
from rinzler.tokenizer.bpe import SHORT

BYTES = ByteTokenizer()
HALF_A_PAIR = (
    "character 3 of the text is U+DC80, half of a surrogate pair, which no encoding can hold. "
    "Remove it: text.encode('utf-8', 'ignore').decode()"
)


@cache
def trained() -> BPETokenizer:
    """On English, code, accents and emoji, so that some merges cut characters of several bytes."""
    names = " ".join(unicodedata.name(chr(code), "") for code in range(0x2600, 0x26FF))
    characters = "naïve Größe 日本語 日本人 😀😁😂 😀😃" * 20
    return train_bpe([inspect.getsource(inspect), names, characters], 400)


def both() -> list[Tokenizer]:
    return [BYTES, trained()]


def any_tokenizer() -> st.SearchStrategy[Tokenizer]:
    return st.deferred(lambda: st.sampled_from(both()))


# --- there and back --------------------------------------------------------------------------


@given(any_tokenizer(), st.text())
@settings(deadline=None)
def test_decode_undoes_encode(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int32
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids.tolist()) == text
    assert "".join(tokenizer.decode_stream(iter(ids.tolist()))) == text


@given(any_tokenizer(), st.data())
@settings(deadline=None)
def test_any_ids_decode(tokenizer: Tokenizer, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=40))
    raw = b"".join(token_bytes(tokenizer, number) for number in ids)
    expected = raw.decode("utf-8", errors="replace")
    assert tokenizer.decode(ids) == expected
    pieces = list(tokenizer.decode_stream(ids))
    assert "".join(pieces) == expected
    assert len(pieces) == len(ids) + 1


def token_bytes(tokenizer: Tokenizer, number: int) -> bytes:
    """From the definition of the ids, not from the tokenizer's own table."""
    if number < 256:
        return bytes([number])
    if number == END:
        return b""
    left, right = tokenizer.merges[number - 257]  # type: ignore[attr-defined]
    return token_bytes(tokenizer, left) + token_bytes(tokenizer, right)


def test_every_character_there_is() -> None:
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert len(text) == 1_112_064
    ids = trained().encode(text)
    assert trained().decode(ids) == text
    assert len(ids) < len(text.encode())


@pytest.mark.parametrize("length", [SHORT - 1, SHORT, SHORT + 1])
def test_where_the_long_way_takes_over(length: int) -> None:
    text = inspect.getsource(inspect)[:length]
    assert len(text.encode()) == length
    parts = trained().encode(text[:1000])[:100]
    assert trained().decode(trained().encode(text)) == text
    assert trained().encode(text)[:100].tolist() == parts.tolist()


def test_bytes_are_bytes() -> None:
    assert BYTES.encode("naïve").tolist() == list("naïve".encode())
    assert BYTES.vocab_size == 256
    assert BYTES.encode_documents(["ab", "", "c"]).tolist() == list(b"ab\n\n\n\nc")


# --- one piece at a time ---------------------------------------------------------------------


def test_a_stream_gives_whole_characters() -> None:
    ids = BYTES.encode("aß€😀").tolist()
    assert list(BYTES.decode_stream(ids)) == ["a", "", "ß", "", "", "€", "", "", "", "😀", ""]
    assert list(BYTES.decode_stream(ids[:-1]))[-1] == "\ufffd"
    pieces = BYTES.decode_stream(iter([65, 66]))
    assert inspect.isgenerator(pieces)
    assert next(pieces) == "A"


def test_a_stream_of_tokens_that_cut_characters() -> None:
    # Token 257 is "a" and the first byte of "é", token 258 its second byte and "b".
    tokenizer = BPETokenizer(((97, 0xC3), (0xA9, 98)))
    assert tokenizer.encode("aébx").tolist() == [257, 258, 120]
    assert list(tokenizer.decode_stream([257, 258, 120])) == ["a", "éb", "x", ""]
    assert list(tokenizer.decode_stream([257, 120])) == ["a", "\ufffdx", ""]
    assert list(tokenizer.decode_stream([257])) == ["a", "\ufffd"]
    assert inspect.isgenerator(tokenizer.decode_stream(iter([97])))


def test_the_end_of_a_text_has_no_bytes() -> None:
    tokenizer = trained()
    assert (END, tokenizer.end, tokenizer.token_bytes(END)) == (256, 256, b"")
    assert list(tokenizer.decode_stream([97, END, 98])) == ["a", "", "b", ""]


# --- documents -------------------------------------------------------------------------------


def test_documents_are_encoded_one_by_one() -> None:
    tokenizer = trained()
    texts = ["the self", "", " the", "self\n"]
    expected: list[int] = []
    for text in texts:
        expected += [*tokenizer.encode(text).tolist(), END]
    assert tokenizer.encode_documents(texts).tolist() == expected[:-1]
    assert tokenizer.encode_documents([]).tolist() == []
    assert tokenizer.encode_documents(["", ""]).tolist() == [END]
    long = [text * SHORT for text in ("self", "the ")]
    ids = tokenizer.encode_documents(long)
    parts = [tokenizer.encode(text).tolist() for text in long]
    assert ids.tolist() == [*parts[0], END, *parts[1]]
    assert ids.dtype == np.int32


def test_no_pair_is_counted_across_documents() -> None:
    assert train_bpe(["ab", "ab"], 9).merges == ((97, 98),)
    assert train_bpe(["a", "b", "a", "b"], 9).merges == ()
    assert train_bpe(["ba", "ba"], 9).merges == ((98, 97),)


# --- training --------------------------------------------------------------------------------


def test_the_merges_of_a_text_by_hand() -> None:
    # "th" three times; then "the" twice, as "th" and "e"; then nothing occurs twice.
    tokenizer = train_bpe(["the-thick.then"], 9)
    assert tokenizer.merges == ((116, 104), (257, 101))
    assert tokenizer.encode("then").tolist() == [258, 110]
    assert tokenizer.vocab_size == 259


def test_a_tie_goes_to_the_smaller_ids() -> None:
    assert train_bpe(["zz-zz.ba,ba"], 1).merges == ((98, 97),)
    assert train_bpe(["bd-bd.bc,bc"], 1).merges == ((98, 99),)
    assert train_bpe(["zzz-ba.ba"], 1).merges == ((98, 97),)  # overlapping pairs count: 2 and 2


def test_training_stops_when_nothing_occurs_twice() -> None:
    tokenizer = train_bpe(["abcabc"], 100)
    assert [tokenizer.token_bytes(257 + k) for k in range(len(tokenizer.merges))] == [b"ab", b"abc"]
    assert train_bpe(["abc"], 100).merges == ()
    assert train_bpe([], 100).merges == train_bpe([""], 100).merges == ()


def test_no_merges_are_bytes_and_the_end() -> None:
    tokenizer = train_bpe(["aaaa"], 0)
    assert (tokenizer.merges, tokenizer.vocab_size) == ((), 257)
    assert tokenizer.encode("aaaa").tolist() == [97] * 4


def test_digits_stay_alone() -> None:
    tokenizer = train_bpe(["2024 2024 ab2024 ab2024 " * 50], 100)
    assert [tokenizer.token_bytes(257), tokenizer.token_bytes(258)] == [b" a", b" ab"]
    assert tokenizer.vocab_size == 259
    assert tokenizer.encode(" ab2024").tolist() == [258, *b"2024"]


def test_a_token_may_hold_spaces_and_line_ends() -> None:
    tokenizer = train_bpe(["of the\n" * 9 + "x"], 6)
    assert tokenizer.encode("of the\n").tolist() == [tokenizer.vocab_size - 1]


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    tokenizer = train_bpe(["abcdabcd"], 7, lambda done, merges: told.append((done, merges)))
    assert told == [(1, 7), (2, 7), (3, 7)]
    assert len(tokenizer.merges) == 3


# --- mistakes --------------------------------------------------------------------------------


def test_half_a_surrogate_pair_is_no_text() -> None:
    for tokenizer in both():
        with pytest.raises(DataError) as caught:
            tokenizer.encode("abc\udc80d")
        assert str(caught.value) == HALF_A_PAIR
    with pytest.raises(DataError) as caught:
        train_bpe(["fine", "abc\udc80d"], 5)
    assert str(caught.value) == HALF_A_PAIR


@pytest.mark.parametrize("number", [-1, 256, 50256])
def test_an_id_that_is_no_byte(number: int) -> None:
    with pytest.raises(DataError, match=f"id {number} is not a byte, expected 0 to 255. These"):
        BYTES.decode([65, number])


@pytest.mark.parametrize("number", [-1, 259, 50256])
def test_an_id_that_is_not_in_the_vocabulary(number: int) -> None:
    tokenizer = BPETokenizer(((116, 104), (257, 101)))
    message = (
        f"id {number} is not in the vocabulary, expected 0 to 258. "
        "These ids come from another tokenizer: decode them with that one"
    )
    for decode in (tokenizer.decode, lambda ids: list(tokenizer.decode_stream(ids))):
        with pytest.raises(DataError) as caught:
            decode([65, number])
        assert str(caught.value) == message


def test_a_negative_number_of_merges() -> None:
    words = r"the number of merges is -1, expected 0 \(bytes alone\) or more"
    with pytest.raises(ConfigError, match=words):
        train_bpe(["abab"], -1)


def test_data_has_the_same_names() -> None:
    assert data.ByteTokenizer is ByteTokenizer
    assert data.BPETokenizer is BPETokenizer
    assert data.Tokenizer is Tokenizer

"""A tokenizer comes back from its record as it was, and from no record that was tampered with."""

from __future__ import annotations

import inspect
import json
import random
from typing import Any

import pytest

from rinzler.errors import DataError
from rinzler.tokenizer import BPETokenizer, ByteTokenizer, tokenizer_from_json, train_bpe
from rinzler.tokenizer import bpe as module

MEND = "The list is damaged, or of another tokenizer: take it from another checkpoint"
TOKENIZER = train_bpe([inspect.getsource(random)], 60)


def refusal(record: Any) -> str:
    with pytest.raises(DataError) as caught:
        tokenizer_from_json(record)
    return str(caught.value)


def with_merges(*merges: Any) -> dict[str, Any]:
    return {"kind": "bpe", "merges": list(merges)}


def test_a_tokenizer_comes_back() -> None:
    for tokenizer in (ByteTokenizer(), TOKENIZER, BPETokenizer()):
        text = json.dumps(tokenizer.to_json())
        back = tokenizer_from_json(json.loads(text))
        assert back == tokenizer
        assert hash(back) == hash(tokenizer)
        assert back.vocab_size == tokenizer.vocab_size
        source = inspect.getsource(random.shuffle)
        assert back.encode(source).tolist() == tokenizer.encode(source).tolist()
    assert BPETokenizer() != TOKENIZER


def test_what_a_record_looks_like() -> None:
    assert ByteTokenizer().to_json() == {"kind": "bytes"}
    tokenizer = BPETokenizer(((116, 104), (257, 101)))
    assert tokenizer.to_json() == {"kind": "bpe", "merges": [[116, 104], [257, 101]]}
    assert repr(tokenizer) == "BPETokenizer(2 merges)"


@pytest.mark.parametrize("record", [None, [], "bpe", {}, {"kind": None}, {"kind": ["bpe"]}])
def test_a_kind_that_is_not_known(record: Any) -> None:
    kind = record.get("kind") if isinstance(record, dict) else None
    assert refusal(record) == (
        f"there is no tokenizer of kind {kind!r} here, expected 'bytes' or 'bpe'. "
        "If a newer Rinzler wrote it: pip install --upgrade rinzler"
    )


def test_bytes_have_no_settings() -> None:
    record = {"kind": "bytes", "vocab_size": 300}
    assert refusal(record) == f"{record!r} does not describe bytes, expected {{'kind': 'bytes'}}"


@pytest.mark.parametrize("record", [{"kind": "bpe"}, {"end": 7, "kind": "bpe", "merges": []}])
def test_a_record_of_another_shape(record: dict[str, Any]) -> None:
    assert refusal(record) == (
        f"{record!r} does not describe a BPE tokenizer, expected "
        "{'kind': 'bpe', 'merges': [[left, right], ...]}"
    )


@pytest.mark.parametrize("record", [[], None, {"kind": "bytes", "merges": []}])
def test_the_class_itself_reads_no_other_record(record: Any) -> None:
    with pytest.raises(DataError, match="does not describe a BPE tokenizer"):
        BPETokenizer.from_json(record)


@pytest.mark.parametrize("merges", [None, "ab", {"0": [97, 98]}, 3])
def test_merges_that_are_no_list(merges: Any) -> None:
    message = f"merges of the tokenizer is {merges!r}, expected a list. {MEND}"
    assert refusal({"kind": "bpe", "merges": merges}) == message


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (None, "expected two ids"),
        (97, "expected two ids"),
        ("ab", "expected two ids"),
        ([97], "expected two ids"),
        ([97, 98, 99], "expected two ids"),
        ([97, "b"], "expected two ids"),
        ([97, 98.0], "expected two ids"),
        ([True, 98], "expected two ids"),
        ([97, None], "expected two ids"),
        ([97, -1], "expected ids from 0 to 257, which are there before it"),
        ([258, 97], "expected ids from 0 to 257, which are there before it"),
        ([97, 10**30], "expected ids from 0 to 257, which are there before it"),
        ([48, 97], "and id 48 never merges: digits and the end of a text stay alone"),
        ([97, 57], "and id 57 never merges: digits and the end of a text stay alone"),
        ([97, 256], "and id 256 never merges: digits and the end of a text stay alone"),
        ([97, 98], "as is merge 0"),
    ],
)
def test_a_merge_that_no_training_makes(pair: Any, reason: str) -> None:
    assert tokenizer_from_json(with_merges([97, 98], [257, 47])).vocab_size == 259
    shown = tuple(pair) if isinstance(pair, list) else pair
    assert refusal(with_merges([97, 98], pair)) == (
        f"merge 1 of the tokenizer is {shown!r}, {reason}. {MEND}"
    )


def test_merges_that_describe_a_terabyte() -> None:
    doubling = [[97, 97], *([k, k] for k in range(257, 297))]
    # After 24 merges all tokens together have 2 + 4 + ... + 2**24 bytes, the next has 2**25.
    assert tokenizer_from_json(with_merges(*doubling[:24])).vocab_size == 257 + 24
    assert tokenizer_from_json(with_merges(*doubling[:25])).vocab_size == 257 + 25
    assert refusal(with_merges(*doubling)) == (
        "merge 25 of the tokenizer is (281, 281), and with it all tokens have more than "
        f"67,108,864 bytes together. {MEND}"
    )


@pytest.mark.parametrize(
    "pairs", [((97, 98), (257, 99), (258, 97)), ((98, 97), (99, 257), (97, 258))]
)
def test_the_bytes_of_both_sides_count(monkeypatch: pytest.MonkeyPatch, pairs: Any) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 2 + 3 + 4)
    assert len(BPETokenizer(pairs).token_bytes(259)) == 4
    monkeypatch.setattr(module, "MOST_BYTES", 2 + 3 + 4 - 1)
    with pytest.raises(
        DataError, match=r"merge 2 of the tokenizer is .* more than 8 bytes together"
    ):
        BPETokenizer(pairs)


def test_zero_is_a_byte_like_any_other() -> None:
    tokenizer = train_bpe(["\0a\0a b\0b\0"], 9)
    assert tokenizer.merges == ((0, 97), (98, 0))
    assert tokenizer_from_json(tokenizer.to_json()) == tokenizer


def test_training_makes_nothing_that_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a" * 500
    assert train_bpe([text], 9).vocab_size == 257 + 8
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    tokenizer = train_bpe([text], 9)
    assert [len(tokenizer.token_bytes(n)) for n in range(257, tokenizer.vocab_size)] == [
        *(2, 4, 8, 16, 32)
    ]
    assert tokenizer_from_json(tokenizer.to_json()) == tokenizer


def test_ten_thousand_altered_records() -> None:
    rng = random.Random(22)
    junk = [None, True, -1, 0, 48, 97, 256, 257, 300, 10**9, 1.5, "", "x", [], [97, 98], {}]
    refusals = []
    for _ in range(10_000):
        record = TOKENIZER.to_json()
        merges = record["merges"]
        at = rng.randrange(len(merges))
        merges[at] = rng.choice([rng.choice(junk), [rng.choice(junk), rng.choice(junk)]])
        try:
            tokenizer = tokenizer_from_json(record)
        except DataError as error:
            refusals.append(str(error))
        else:
            # Another list, but a sound one: what is accepted works.
            assert tokenizer.decode(tokenizer.encode("the random")) == "the random"
            assert tokenizer.to_json() == record
    assert 7000 < len(refusals) < 10_000
    assert not [text for text in refusals if not text.startswith("merge ")]
    assert not [text for text in refusals if not text.endswith(MEND)]

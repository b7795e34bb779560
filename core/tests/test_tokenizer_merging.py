"""The fast ways of byte-pair encoding find what the naive one finds, in linear time."""

from __future__ import annotations

import inspect
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import pytest

from rinzler.errors import DataError
from rinzler.tokenizer import BPETokenizer, merging, naive, short, train_bpe
from rinzler.tokenizer.naive import END, Pair

ALPHABETS = ("a", "ab", "abc", "a1b", "0a9b ", "aé", "日本人x", "ab\n ", "thequickbrown ", "😀😁")


def generated(count: int) -> Iterator[list[int]]:
    """Ids of one to four documents each, over few characters, so that much repeats and ties."""
    rng = random.Random(20)
    for _ in range(count):
        alphabet = rng.choice(ALPHABETS)
        texts = ["".join(rng.choices(alphabet, k=rng.randrange(30))) for _ in range(4)]
        chosen = texts[: rng.randrange(1, 5)]
        yield [byte for text in chosen for byte in (*text.encode(), END)][:-1]


def agree(ids: list[int], count: int) -> list[Pair]:
    """The merges, once every way has been seen to find the same, and the same ids with them."""
    array = np.array(ids, dtype=np.int32)
    merges = list(islice(naive.learn(ids), count))
    assert list(islice(merging.learn(array), count)) == merges
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    encoded = naive.encode(ids, merges)
    assert merging.encode(array, ranks).tolist() == encoded
    assert short.encode(ids, ranks) == encoded
    return merges


def test_fast_and_naive_agree_on_ten_thousand_texts() -> None:
    merges = [agree(ids, 6) for ids in generated(10_000)]
    # The texts are worth something: many run out of merges, and most have merges of merges.
    assert sum(len(found) == 6 for found in merges) > 4000
    assert sum(0 < len(found) < 6 for found in merges) > 1000
    assert sum(any(max(pair) > END for pair in found) for found in merges) > 6000
    assert sum(any(a == b for a, b in found) for found in merges) > 2000


def test_they_agree_on_other_texts_than_they_learnt_from() -> None:
    rng = random.Random(21)
    for alphabet in ALPHABETS:
        learnt = list("".join(rng.choices(alphabet, k=400)).encode())
        merges = list(islice(naive.learn(learnt), 30))
        ranks = {pair: rank for rank, pair in enumerate(merges)}
        for size in range(60):
            ids = list("".join(rng.choices(alphabet + "zé", k=size)).encode())
            expected = naive.encode(ids, merges)
            assert short.encode(ids, ranks) == expected
            assert merging.encode(np.array(ids, np.int32), ranks).tolist() == expected


def test_they_agree_on_merges_that_nobody_learnt() -> None:
    rng = random.Random(23)
    for _ in range(300):
        merges: list[Pair] = []
        while len(merges) < 12:
            known = [97, 98, 99, *range(naive.FIRST, naive.FIRST + len(merges))]
            pair = (rng.choice(known), rng.choice(known))
            merges += [pair] if pair not in merges else []
        ranks = {pair: rank for rank, pair in enumerate(merges)}
        ids = rng.choices([97, 98, 99, END], [9, 9, 9, 1], k=rng.randrange(80))
        expected = naive.encode(ids, merges)
        assert short.encode(ids, ranks) == expected
        assert merging.encode(np.array(ids, np.int32), ranks).tolist() == expected


def test_no_two_tokens_have_the_same_bytes() -> None:
    for ids in generated(300):
        tokenizer = BPETokenizer(tuple(merging.learn(np.array(ids, np.int32))))
        tokens = [tokenizer.token_bytes(number) for number in range(tokenizer.vocab_size)]
        assert len(set(tokens)) == len(tokens)


def test_they_agree_on_real_text() -> None:
    text = inspect.getsource(random)[:10_000] + "\n日本語のテキスト、Größe, naïve\n" * 20
    merges = agree(list(text.encode()), 100)
    assert len(merges) == 100


def test_they_agree_until_nothing_is_left() -> None:
    source = inspect.getsource(inspect.getsource) + inspect.getsource(inspect.getsourcelines)
    merges = agree(list(source.encode()), 10_000)
    assert len(merges) > 200
    joined = train_bpe([source], 10_000).encode(source).tolist()
    alone = [pair for pair in pairwise(joined) if not naive.ALONE & {*pair}]
    assert len(alone) == len(set(alone))


@pytest.mark.parametrize("ids", [[], [97], [END], [END, END], [97, END], [97, 98]])
def test_almost_no_text(ids: list[int]) -> None:
    assert agree(ids, 5) == []
    ranks = {(97, 98): 0}
    expected = naive.encode(ids, list(ranks))
    assert merging.encode(np.array(ids, np.int32), ranks).tolist() == expected
    assert short.encode(ids, ranks) == expected


def test_runs_of_one_byte() -> None:
    for size in range(70):
        agree([97] * size, 9)
        agree([*[97] * size, END, *[97] * (size // 2), 98, 97, 97], 9)


# --- how the work grows ----------------------------------------------------------------------


class Counting(merging.Chain):
    """Adds up how many places are looked at."""

    looked_at = 0

    def find(self, pair: Pair) -> np.ndarray:
        Counting.looked_at += len(self.places[pair])
        return super().find(pair)


def looked_at(monkeypatch: pytest.MonkeyPatch, ids: np.ndarray, merges: int) -> int:
    """The places that training and encoding look at."""
    monkeypatch.setattr(merging, "Chain", Counting)
    Counting.looked_at = 0
    found = list(islice(merging.learn(ids), merges))
    merging.encode(ids, {pair: rank for rank, pair in enumerate(found)})
    return Counting.looked_at


def test_a_run_of_one_byte_takes_linear_work(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.full(1_000_000, 97, np.int32)
    # Each merge halves the run: N + N/2 + ... = 2 N places, twice when learning, once to encode.
    assert looked_at(monkeypatch, ids, 1000) < 6.1 * len(ids)


def test_late_merges_do_not_look_at_the_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = inspect.getsource(inspect) + inspect.getsource(random)
    ids = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
    assert looked_at(monkeypatch, ids, 2000) < 10 * len(ids)  # a scan for each would be 4000


class Asked(dict[Pair, int]):
    """Ranks that count how often they are asked."""

    asked = 0

    def __contains__(self, pair: object) -> bool:
        self.asked += 1
        return super().__contains__(pair)

    def get(self, pair: Pair, default: int | None = None) -> int | None:  # type: ignore[override]
        self.asked += 1
        return super().get(pair, default)


@pytest.mark.parametrize("text", ["a" * 20_000, "ab" * 10_000, "aab" * 7_000])
def test_a_prompt_takes_linear_work(text: str) -> None:
    ids = list(text.encode())
    ranks = Asked({pair: rank for rank, pair in enumerate(train_bpe([text], 100).merges)})
    assert len(short.encode(ids, ranks)) < 10
    assert ranks.asked < 6 * len(ids)


# --- the same everywhere ---------------------------------------------------------------------

TRAIN = """\
import inspect
from rinzler.tokenizer import train_bpe
print(train_bpe([inspect.getsource(inspect)[:20000], "abba" * 9], 300).merges)
"""


def test_the_hash_seed_changes_nothing() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", TRAIN],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(printed) == 1
    expected = train_bpe([inspect.getsource(inspect)[:20000], "abba" * 9], 300).merges
    assert printed == {f"{expected}\n"}


def test_a_text_with_more_places_than_int32_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MOST", 2**16)
    assert train_bpe(["x" * 2**16], 1).merges == ((120, 120),)
    with pytest.raises(DataError) as caught:
        train_bpe(["x" * (2**16 + 1)], 1)
    assert str(caught.value) == (
        "the text has 65,537 bytes, and a tokenizer reads at most 65,536 at once. "
        "Name fewer files, or smaller ones"
    )

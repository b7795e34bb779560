"""Text comes back as it was, a prompt has the text that it has alone, and no input is slow.

Every code point there is, and bytes in any order, as a model may sample them, go through the
tokenizers and come back; piece by piece no character is ever torn. Encoding is watched at the
arrays that it touches, on the texts that make byte-pair encoders slow.
Read next: `core/tests/test_tokenizer.py`, where tokenizers are tested for what they find.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice, pairwise
from typing import Any

import numpy as np
import pytest

from rinzler.config import GPTConfig, Sampling
from rinzler.data import BPETokenizer, ByteTokenizer, Tokenizer
from rinzler.generate import Decoders
from rinzler.generate.sequences import grow
from rinzler.gpt import GPT
from rinzler.plugins import open_device
from rinzler.tokenizer import merging
from rinzler.tokenizer.bpe import train_bpe

TEXT = "Ünder the räin 🙂 the quick brown fox jumps over the lazy dog, naïvely: 花花 один\n" * 30
SURROGATES = range(0xD800, 0xE000)  # halves of pairs: no characters
TOKENIZERS: list[Tokenizer] = [ByteTokenizer(), train_bpe([TEXT], 300)]
TOGETHER = 64  # code points in one text; the long form has each alone, with each tokenizer


def goes_around(tokenizer: Tokenizer, text: str) -> None:
    """There and back, at once and piece by piece, and no piece holds a part of a character."""
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    pieces = list(tokenizer.decode_stream(ids.tolist()))
    assert "".join(pieces) == text  # a character in two pieces would be two U+FFFD in them
    assert len(pieces) == len(ids) + 1


def code_points() -> Iterator[int]:
    return (number for number in range(sys.maxunicode + 1) if number not in SURROGATES)


@pytest.mark.promise(
    "every code point comes back from ids, whole", at_least=1_112_064, long=3_336_192
)
def test_every_code_point(count: Callable[..., None], long: bool) -> None:
    points, turn = code_points(), cycle(TOKENIZERS)
    while some := list(islice(points, TOGETHER)):
        text = "".join(map(chr, some))
        goes_around(next(turn), text)
        count(len(some))
        for tokenizer in TOKENIZERS if long else ():
            for single in text:
                goes_around(tokenizer, single)
            count(len(some))


def random_bytes(rng: np.random.Generator) -> bytes:
    """Any bytes, or a text with some of its bytes changed, cut out or doubled."""
    if rng.integers(2):
        return rng.integers(0, 256, rng.integers(0, 24), np.uint8).tobytes()
    start = int(rng.integers(0, 80))
    some = bytearray("".join(TEXT[start : start + int(rng.integers(1, 16))]).encode())
    for _ in range(int(rng.integers(0, 4))):
        place = int(rng.integers(0, len(some) + 1))
        some[place : place + int(rng.integers(0, 2))] = bytes(rng.integers(0, 256, rng.integers(2)))
    return bytes(some)


def decoded_alike(tokenizer: Tokenizer, raw: bytes) -> None:
    """Ids of these bytes, valid or not, become what Python's own decoder makes of the bytes."""
    expected = raw.decode("utf-8", "replace")
    assert tokenizer.decode(list(raw)) == expected
    assert "".join(tokenizer.decode_stream(list(raw))) == expected
    goes_around(tokenizer, expected)


@pytest.mark.promise(
    "bytes in any order become text, and text comes back", at_least=100_000, long=1_000_000
)
def test_random_bytes(count: Callable[..., None], long: bool) -> None:
    rng = np.random.default_rng(1)
    for number in range(1_000_000 if long else 100_000):
        decoded_alike(TOKENIZERS[number % len(TOKENIZERS)], random_bytes(rng))
        count()


def all_decoded_alike(tokenizer: Tokenizer, samples: Sequence[bytes]) -> None:
    for raw in samples:
        decoded_alike(tokenizer, raw)


class Torn(ByteTokenizer):
    """What a stream must not be: it decodes each byte by itself."""

    def decode_stream(self, ids: Any) -> Iterator[str]:
        for number in ids:
            yield bytes([number]).decode("utf-8", "replace")
        yield ""


class Forgetful(ByteTokenizer):
    """It leaves out what does not become a character."""

    def decode(self, ids: Any) -> str:
        return bytes(ids).decode("utf-8", "ignore")


@pytest.mark.parametrize("bad", [Torn(), Forgetful()])
def test_bad_decoders_are_noticed(bad: Tokenizer) -> None:
    rng = np.random.default_rng(1)
    samples = [random_bytes(rng) for _ in range(100)]
    with pytest.raises(AssertionError):
        all_decoded_alike(bad, samples)


# --- work -------------------------------------------------------------------------------------


class Touched:
    """How many elements the arrays have that an encoder finds, sorts and groups."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.elements = 0
        find, groups, index = merging.Chain.find, merging._groups, merging.Chain._index_bytes

        def counted_find(chain: merging.Chain, pair: Any) -> np.ndarray:
            self.elements += len(chain.places[pair])
            return find(chain, pair)

        def counted_groups(keys: np.ndarray, places: np.ndarray) -> Any:
            self.elements += len(keys)
            return groups(keys, places)

        def counted_index(chain: merging.Chain) -> None:
            self.elements += len(chain.ids)
            index(chain)

        monkeypatch.setattr(merging.Chain, "find", counted_find)
        monkeypatch.setattr(merging, "_groups", counted_groups)
        monkeypatch.setattr(merging.Chain, "_index_bytes", counted_index)

    def encoding(self, tokenizer: Tokenizer, text: str) -> int:
        self.elements = 0
        tokenizer.encode(text)
        return self.elements


A = ord("a")
DOUBLING = BPETokenizer(((A, A), *[(n, n) for n in range(257, 280)]))  # 2, 4, 8 … of "a"
ONE_MORE = BPETokenizer(((A, A), *[(n, A) for n in range(257, 700)]))  # 2, 3, 4 … of "a"
SLOW_TEXTS = ["a", "ab", "aab", "abcabd"]  # repeated
SIZES = [1 << power for power in range(16, 21)]  # bytes; the last is 1 MB
MOST_WORK = 12  # elements touched for each byte
GROWTH = 2.01  # of the work, where the text is twice as long


def work_is_linear(touched: Touched, tokenizer: Tokenizer, unit: str) -> None:
    works = [touched.encoding(tokenizer, unit * (size // len(unit))) for size in SIZES]
    assert min(works) >= SIZES[0]  # or nothing was watched
    assert works[-1] <= MOST_WORK * SIZES[-1]
    for before, after in pairwise(works):
        assert after <= GROWTH * before


@pytest.mark.promise("a text of 1 MB is encoded in work linear in its length", at_least=60)
def test_no_text_is_slow(count: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    touched = Touched(monkeypatch)
    trained = train_bpe(["aab" * 300 + "abcabd" * 300], 60)
    for tokenizer in (DOUBLING, ONE_MORE, trained):
        for unit in SLOW_TEXTS:
            work_is_linear(touched, tokenizer, unit)
            count(len(SIZES))


def test_an_encoder_that_merges_one_place_at_a_time_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the textbook has it: find all places, merge the first, look again."""

    def one_by_one(ids: np.ndarray, ranks: Any) -> np.ndarray:
        chain = merging.Chain(ids, lambda pair, _: pair in ranks)
        for pair, _ in islice(ranks.items(), 1):
            for _ in range(len(ids) // 4096):  # not even all of them
                chain.find(pair)
        return chain.tokens()

    touched = Touched(monkeypatch)
    monkeypatch.setattr(merging, "encode", one_by_one)
    with pytest.raises(AssertionError):
        work_is_linear(touched, DOUBLING, "a")


# --- in company -------------------------------------------------------------------------------

SHAPE = GPTConfig(vocab_size=97, context=8, d_model=16, layers=1, heads=2)
TOKENS = 8  # of each text: windows that start over are among them
AT_ONCE = 50


def model_on(backend: str) -> GPT:
    """One that prefers some ids; where all are alike, a rounding could decide."""
    model = GPT(SHAPE, seed=1, device=open_device(backend))
    rng = np.random.default_rng(1)
    state = model.state()
    model.load({k: v + 0.3 * rng.normal(size=v.shape).astype(v.dtype) for k, v in state.items()})
    return model


def texts(model: GPT, prompts: Sequence[list[int]], sampling: Sampling) -> list[list[int]]:
    """One for each prompt, side by side."""
    eager = Decoders(model, capture=False)
    columns = islice(grow(model, prompts, sampling, [0] * len(prompts), eager), TOKENS)
    return [list(row) for row in zip(*columns, strict=True)]


def differences(
    model: GPT, wanted: int, alone: Callable[..., Any] = texts, together: Callable[..., Any] = texts
) -> int:
    """Prompts whose text is another one in company."""
    rng = np.random.default_rng(2)
    found = 0
    for start in range(0, wanted, AT_ONCE):
        lengths = rng.integers(1, 12, AT_ONCE)
        prompts = [rng.integers(0, 97, length).tolist() for length in lengths]
        sampling = Sampling(temperature=float(start // AT_ONCE % 2), seed=start)  # greedy, or drawn
        expected = [alone(model, [prompt], sampling)[0] for prompt in prompts]
        pairs = zip(together(model, prompts, sampling), expected, strict=True)
        found += sum(a != b for a, b in pairs)
    return found


@pytest.mark.promise(
    "a prompt has the same text alone and among others", at_least=1_000, long=20_000
)
def test_the_same_text_in_company(count: Callable[..., None], long: bool) -> None:
    wanted = 20_000 if long else 1_000
    assert differences(model_on("numpy"), wanted) == 0
    count(wanted)


def test_a_draw_that_depends_on_the_row_is_noticed() -> None:
    def by_row(model: GPT, prompts: Sequence[list[int]], sampling: Sampling) -> list[list[int]]:
        columns = islice(grow(model, prompts, sampling, range(len(prompts))), TOKENS)
        return [list(row) for row in zip(*columns, strict=True)]

    assert differences(model_on("numpy"), 2 * AT_ONCE, together=by_row) > 0

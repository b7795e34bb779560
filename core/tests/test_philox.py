"""Philox against its published vectors, and each function against plain Python and golden values.

Golden values hold the file format: if one must change, every run that resumes changes with it.
What the numbers look like in bulk is judged in `test_philox_statistics.py`.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import math
import random
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest

import rinzler.philox
from rinzler.errors import ConfigError, DtypeError, NumericsError
from rinzler.philox import (
    CHUNK,
    Key,
    Stream,
    choice,
    integers,
    normal,
    philox4x32,
    philox4x32_block,
    uniform,
)

KEY = Key(0x123456789ABCDEF0, Stream.DROPOUT, step=1000, micro=3, site=7)
ODD_SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 101]

# kat_vectors of Random123, the reference implementation of the paper: counter, key, answer.
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ([2**32 - 1] * 4, [2**32 - 1] * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],  # the digits of pi
        [0xA4093822, 0x299F31D0],
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_published_vectors(counter: list[int], key: list[int], answer: tuple) -> None:
    assert philox4x32_block(counter, key) == answer
    counters = np.array([counter, (1, 2, 3, 4), counter], dtype=np.uint32)
    blocks = philox4x32(counters, np.array(key, dtype=np.uint32))
    assert blocks.shape == (3, 4)
    assert blocks.dtype == np.uint32
    assert tuple(blocks[0]) == tuple(blocks[2]) == answer


def test_vectorised_equals_the_block_to_be_read() -> None:
    rng = random.Random(3)
    for n in (0, 1, 5, 32, 33):
        counters = [[rng.getrandbits(32) for _ in range(4)] for _ in range(n)]
        key = [rng.getrandbits(32) for _ in range(2)]
        array = np.array(counters, dtype=np.uint32).reshape(n, 4)
        got = philox4x32(array, np.array(key, dtype=np.uint32))
        assert got.tolist() == [list(philox4x32_block(counter, key)) for counter in counters]


def random_key(rng: random.Random) -> Key:
    return Key(
        seed=rng.getrandbits(64),
        stream=rng.getrandbits(16),
        step=rng.getrandbits(32),
        micro=rng.getrandbits(16),
        site=rng.getrandbits(32),
    )


def plain_words(key: Key, n: int) -> list[int]:
    """The documented packing, in plain integers."""
    philox_key = (key.seed % 2**32, key.seed // 2**32)
    last = key.stream * 2**16 + key.micro
    blocks = ((i, key.site, key.step, last) for i in range(n // 4 + 1))
    words = itertools.chain.from_iterable(philox4x32_block(b, philox_key) for b in blocks)
    return list(words)[:n]


def plain_long_words(key: Key, n: int) -> list[int]:
    words = plain_words(key, 2 * n)
    return [words[2 * i] + 2**32 * words[2 * i + 1] for i in range(n)]


@pytest.mark.parametrize("seed", range(20))
def test_every_function_equals_plain_python(seed: int) -> None:
    rng = random.Random(seed)
    key = random_key(rng)
    n = rng.choice(ODD_SIZES)
    words = plain_words(key, n + 1)
    want = [(word // 256) / 2**24 for word in words[:n]]
    assert uniform(key, (n,), "float64").tolist() == want
    points = []
    for v, w in itertools.pairwise(words):
        r = math.sqrt(-2 * math.log((v + 1) / 2**32))
        points.append(
            (r * math.cos(2 * math.pi * w / 2**32), r * math.sin(2 * math.pi * w / 2**32))
        )
    want = list(itertools.chain.from_iterable(points[::2]))[:n]
    assert np.abs(normal(key, (n,), "float64") - want).max(initial=0) < 1e-13
    longs = plain_long_words(key, n)
    for high in (1, 2, 3, 1000, 2**31, 2**32 - 1, 2**32, 2**32 + 1, rng.getrandbits(63) + 1, 2**63):
        assert integers(key, high, n).tolist() == [word * high // 2**64 for word in longs]
    weights = [[rng.randrange(4) for _ in range(9)] + [1] for _ in range(n)]
    want = []
    for row, word in zip(weights, longs, strict=True):
        u = Fraction(word // 2**11, 2**53)
        want.append(bisect.bisect_right(list(itertools.accumulate(row)), u * sum(row)))
    assert choice(key, np.array(weights).reshape(n, 10)).tolist() == want


def test_golden_values() -> None:
    assert KEY.words().tolist() == [-1698898192, 305419896, 1000, 196611]
    golden = ["0x1.3564b4p-2", "0x1.2ab9a4p-1", "0x1.bd80fp-4", "0x1.7c5d8ap-1", "0x1.755dfp-1"]
    assert uniform(KEY, (5,)).tolist() == [float.fromhex(digits) for digits in golden]
    assert normal(KEY, (6,), "float64") == pytest.approx(
        [
            -1.3393275369839575,
            -0.7745439224596852,
            -0.09392294954369032,
            -2.1043525788316644,
            -0.3959112388643613,
            0.689042834164972,
        ],
        rel=1e-14,
    )
    assert integers(KEY, 1000, 6).tolist() == [583, 742, 333, 821, 153, 932]
    assert integers(KEY, 2**63, 2).tolist() == [5381354417048819341, 6852054113315456907]
    drawn = [int(choice(Key(7, Stream.SAMPLE, step), np.arange(10.0))) for step in range(10)]
    assert drawn == [7, 6, 7, 6, 2, 9, 8, 3, 3, 3]
    assert choice(KEY, np.ones((6, 100))).tolist() == [58, 74, 33, 82, 15, 93]
    many = uniform(Key(1, Stream.INIT), (100_003,)).astype("<f4")
    digest = "136de0f3267952a39dc4ff6868bbeeeca92f0c598bfdf12b5e6e3fe3df97d896"
    assert hashlib.sha256(many.tobytes()).hexdigest() == digest


def test_streams_keep_their_numbers() -> None:
    numbers = {"INIT": 1, "BATCH": 2, "DROPOUT": 3, "SAMPLE": 4, "EVAL": 5}
    assert {stream.name: stream.value for stream in Stream} == numbers


def test_element_i_depends_on_the_key_and_i_alone() -> None:
    n = 4 * CHUNK + 5  # longer than one chunk
    longest = {
        "uniform": uniform(KEY, (n,)),
        "normal": normal(KEY, (n,)),
        "integers": integers(KEY, 12345, n),
        "choice": choice(KEY, np.ones((n, 3))),
    }
    for size in [*ODD_SIZES, 4 * CHUNK - 1, 4 * CHUNK, 4 * CHUNK + 1]:
        assert np.array_equal(uniform(KEY, (size,)), longest["uniform"][:size])
        assert np.array_equal(normal(KEY, (size,)), longest["normal"][:size])
        assert np.array_equal(integers(KEY, 12345, size), longest["integers"][:size])
        assert np.array_equal(choice(KEY, np.ones((size, 3))), longest["choice"][:size])
    assert np.array_equal(uniform(KEY, (3, 5, 7)).reshape(-1), longest["uniform"][:105])
    assert uniform(KEY, ()).shape == normal(KEY, ()).shape == ()


def test_float64_is_the_float32_run_value_for_value() -> None:
    narrow, wide = uniform(KEY, (1001,)), uniform(KEY, (1001,), "float64")
    assert (narrow.dtype, wide.dtype) == (np.float32, np.float64)
    assert np.array_equal(narrow.astype(np.float64), wide)
    narrow, wide = normal(KEY, (1001,)), normal(KEY, (1001,), "float64")
    assert (narrow.dtype, wide.dtype) == (np.float32, np.float64)
    assert np.array_equal(narrow, wide.astype(np.float32))


def test_words_and_site_bring_the_key_back() -> None:
    rng = random.Random(8)
    edge = Key(2**64 - 1, 2**16 - 1, 2**32 - 1, 2**16 - 1, 2**32 - 1)
    for key in [KEY, edge, Key(0, 0), *(random_key(rng) for _ in range(50))]:
        words = key.words()
        assert (words.dtype, words.shape) == (np.int32, (4,))
        assert Key.from_words(words, key.site) == key
        numpy_ints = Key(np.uint64(key.seed), key.stream, np.int64(key.step), key.micro, key.site)
        assert np.array_equal(numpy_ints.words(), words)


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("seed", 2**64 - 1),
        ("stream", 2**16 - 1),
        ("step", 2**32 - 1),
        ("micro", 2**16 - 1),
        ("site", 2**32 - 1),
    ],
)
def test_a_key_out_of_range_names_the_field(field: str, most: int) -> None:
    assert getattr(replace(KEY, **{field: most}), field) == most
    for wrong in (-1, most + 1, 1.0, "1", None):
        message = rf"^Key\.{field}: got {wrong!r}, need an int from 0 to {most}$"
        with pytest.raises(ConfigError, match=message):
            replace(KEY, **{field: wrong})
    with pytest.raises(FrozenInstanceError):
        setattr(KEY, field, 1)


def test_errors_say_what_was_got_and_what_is_needed() -> None:
    with pytest.raises(ConfigError, match="it has 17179869184; draw with another site"):
        uniform(KEY, (2**34 + 1,))
    for function in (uniform, normal):
        with pytest.raises(DtypeError, match="'float16': need 'float32' or 'float64'"):
            function(KEY, (3,), "float16")
    for high in (0, -5, 2**63 + 1, 2.0):
        with pytest.raises(ConfigError, match=rf"got high={high!r}, need an int from 1 to 2\*\*63"):
            integers(KEY, high, 3)


@pytest.mark.parametrize(
    "row", [[1, math.nan], [math.inf, 1], [2, -1], [0, 0], [1e308, 1e308], [math.inf, -math.inf]]
)
def test_choice_refuses_what_is_no_distribution(row: list[float]) -> None:
    message = "row 1 of the probabilities is no distribution: .* look for NaN or infinity in the lo"
    with pytest.raises(NumericsError, match=message):
        choice(KEY, np.array([[1, 1], row]))


def test_choice_never_draws_a_weight_of_zero_nor_past_the_end() -> None:
    rows = np.zeros((3000, 6))
    rows[:, 2] = 1e-3
    rows[:, 4] = np.linspace(1e-3, 3, 3000)
    assert set(choice(KEY, rows).tolist()) == {2, 4}
    assert choice(KEY, np.eye(37)).tolist() == list(range(37))
    assert choice(KEY, np.ones((2, 3, 4))).shape == (2, 3)
    assert choice(KEY, np.ones(4)).shape == ()


@pytest.mark.parametrize("word", [0, 2**31, 2**32 - 1])
def test_words_that_chance_will_not_bring(word: int, monkeypatch: pytest.MonkeyPatch) -> None:
    every = lambda key, n: np.full(n, word, dtype=np.uint32)  # noqa: E731 - one line says it
    monkeypatch.setattr(rinzler.philox, "_words", every)
    assert 0 <= uniform(KEY, (1,))[0] < 1
    assert np.abs(normal(KEY, (2,), "float64")).max() < 6.67
    assert integers(KEY, 10, 1)[0] == 10 * word // 2**32
    for total in (1, 1 + 2**-52, 1.5, 1e-9, 2 - 2**-52):  # u * total never rounds up to total
        assert choice(KEY, np.array([0, total, 0])) == 1
    assert choice(KEY, np.array([0, 1, 0, 1, 0])) == (1 if word == 0 else 3)


@pytest.mark.parametrize("n", [0, 1, 3, 4, 15, 16, 17, 32, 33])
def test_a_few_numbers_are_the_first_of_many(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain Python draws a few, numpy many: the same words, and the same integers of them."""
    key = Key(2**63 + 5, Stream.BATCH, step=2**31 + 7, micro=9, site=2**32 - 1)
    assert rinzler.philox.FEW == 8  # the sizes above lie on both sides
    few = [integers(key, high, n) for high in (1, 97, 2**40 + 3, 2**63)]
    words = uniform(key, (n,))
    monkeypatch.setattr(rinzler.philox, "FEW", 0)
    many = [integers(key, high, n) for high in (1, 97, 2**40 + 3, 2**63)]
    np.testing.assert_array_equal(few, many)
    assert all(each.dtype == np.int64 for each in (*few, *many))
    np.testing.assert_array_equal(words, uniform(key, (n,)))

"""What the random numbers look like in bulk: seeds are fixed, so each verdict is, too.

Limits are five standard deviations of the quantity under test, unless a line says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rinzler.philox import Key, Stream, choice, integers, normal, uniform

N = 200_000
SEEDS = [0, 1, 2**63 + 11]
NEIGHBOURS = [
    {"seed": 12},
    {"seed": 11 + 2**32},
    {"stream": Stream.BATCH},
    {"step": 6},
    {"micro": 1},
    {"site": 4},
]
HOME = Key(11, Stream.DROPOUT, step=5, micro=0, site=3)


def chi_square_excess(counts: np.ndarray, expected: np.ndarray | float) -> float:
    """Distance of chi-square from its mean, in its standard deviations."""
    degrees = len(counts) - 1
    return (((counts - expected) ** 2 / expected).sum() - degrees) / math.sqrt(2 * degrees)


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_mean_variance_and_buckets(seed: int) -> None:
    u = uniform(Key(seed, Stream.DROPOUT), (N,), "float64")
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 1 / 2) < 5 * math.sqrt(1 / 12 / N)
    assert abs(u.var() - 1 / 12) < 5 * math.sqrt(1 / 180 / N)
    buckets = np.bincount((u * 1000).astype(int), minlength=1000)
    assert abs(chi_square_excess(buckets, N / 1000)) < 5
    pairs = (u[0::2] * 32).astype(int) * 32 + (u[1::2] * 32).astype(int)
    assert abs(chi_square_excess(np.bincount(pairs, minlength=1024), N / 2 / 1024)) < 5


def test_each_of_the_24_bits_is_fair() -> None:
    numerators = (uniform(HOME, (N,), "float64") * 2**24).astype(np.int64)
    ones = np.array([((numerators >> bit) & 1).sum() for bit in range(24)])
    assert np.abs(ones - N / 2).max() < 5 * math.sqrt(N / 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_moments_and_buckets(seed: int) -> None:
    z = normal(Key(seed, Stream.INIT), (N,), "float64")
    for power, moment in enumerate([0, 1, 0, 3, 0, 15], start=1):
        variance = math.prod(range(1, 2 * power, 2)) - moment**2  # E z²ᵖ - (E zᵖ)²
        assert abs((z**power).mean() - moment) < 5 * math.sqrt(variance / N)
    edges = np.linspace(-3, 3, 61)
    below = np.array([0.0, *(0.5 * (1 + math.erf(e / math.sqrt(2))) for e in edges), 1.0])
    counts = np.bincount(np.searchsorted(edges, z), minlength=62)
    assert abs(chi_square_excess(counts, N * np.diff(below))) < 5
    assert abs((z[0::2] * z[1::2]).mean()) < 5 / math.sqrt(N / 2)  # the two of a pair


@pytest.mark.parametrize("high", [2, 3, 10, 1000])
def test_integers_are_even(high: int) -> None:
    drawn = integers(Key(3, Stream.BATCH), high, N)
    assert drawn.dtype == np.int64
    assert abs(chi_square_excess(np.bincount(drawn, minlength=high), N / high)) < 5


def test_integers_of_a_huge_range() -> None:
    drawn = integers(Key(3, Stream.BATCH), 3 * 2**61, N) / (3 * 2**61)
    assert abs(drawn.mean() - 1 / 2) < 5 * math.sqrt(1 / 12 / N)
    assert abs(drawn.var() - 1 / 12) < 5 * math.sqrt(1 / 180 / N)


def test_choice_follows_the_weights() -> None:
    weights = np.array([0.1, 3.0, 0.5, 0.0, 2.0, 1e-3])
    counts = np.bincount(choice(HOME, np.tile(weights, (N, 1))), minlength=6)
    assert counts[3] == 0
    likely = weights > 0
    expected = N * weights[likely] / weights.sum()
    assert abs(chi_square_excess(counts[likely], expected)) < 5


@pytest.mark.parametrize("change", NEIGHBOURS, ids=str)
def test_neighbouring_keys_are_independent(change: dict[str, int]) -> None:
    a = uniform(HOME, (N,), "float64")
    b = uniform(replace(HOME, **change), (N,), "float64")
    assert not np.array_equal(a[:4], b[:4])
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(N)
    assert (a == b).mean() < 1e-5  # 2⁻²⁴ is 6e-8


def test_no_two_keys_begin_alike() -> None:
    keys = [
        Key(seed, stream, step, micro, site)
        for seed in (0, 1, 2**32, 2**33)
        for stream in Stream
        for step in (0, 1, 2, 3, 65536, 2**32 - 1)
        for micro in (0, 1, 2, 3)
        for site in (0, 1, 2, 3, 65536)
    ]
    prefixes = {uniform(key, (4,)).tobytes() for key in keys}
    assert len(prefixes) == len(keys) == 2400

"""What bends the odds, each against a version that anybody can check, and the draws themselves."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinzler.config import Sampling
from rinzler.errors import ConfigError, NumericsError
from rinzler.generate import drawing
from rinzler.generate.drawing import Draws

# Few distinct values, so that there are ties, and some that were ruled out before.
numbers = st.sampled_from([-inf, -3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 2.0, 7.5])
rows = st.lists(numbers, min_size=1, max_size=12).filter(lambda row: max(row) > -inf)


def kept(scores: np.ndarray) -> list[int]:
    (row,) = scores
    return [index for index, score in enumerate(row) if score > -inf]


def possible(row: list[float]) -> list[int]:
    return [index for index, score in enumerate(row) if score > -inf]


@given(rows, st.integers(0, 14))
def test_top_k(row: list[float], k: int) -> None:
    found = kept(drawing.top_k(np.array([row]), k))
    if not 0 < k < len(row):
        assert found == possible(row)
        return
    least = sorted(row, reverse=True)[k - 1]
    assert found == [index for index in possible(row) if row[index] >= least]


@given(rows, st.floats(0.01, 1.0))
def test_top_p(row: list[float], p: float) -> None:
    """Likeliest first, the lower id of equals, until p is reached."""
    found = kept(drawing.top_p(np.array([row]), p))
    weights = [exp(score - max(row)) for score in row]
    total, together, expected = sum(weights), 0.0, []
    for index in sorted(possible(row), key=lambda index: -row[index]):
        if expected and together >= p * total - 1e-12:
            break
        expected.append(index)
        together += weights[index]
    # Where p is met to the last bit, sums in another order may say otherwise.
    assert found == sorted(expected) or abs(together - p * total) < 1e-9


@given(rows, st.floats(0.0, 1.0))
def test_min_p(row: list[float], p: float) -> None:
    found = kept(drawing.min_p(np.array([row]), p))
    shares = [exp(score - max(row)) for score in row]
    sure = [index for index in possible(row) if shares[index] > p * (1 + 1e-12)]
    maybe = [index for index in possible(row) if shares[index] >= p * (1 - 1e-12)]
    assert set(sure) <= set(found) <= set(maybe)
    assert row.index(max(row)) in found


@given(rows, st.data(), st.floats(0.25, 4.0))
def test_penalty(row: list[float], data: st.DataObject, penalty: float) -> None:
    seen = data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))
    (found,) = drawing.penalised(np.array([row]), np.array([seen]), penalty).tolist()
    for score, was_seen, now in zip(row, seen, found, strict=True):
        if not was_seen:
            assert now == score
        else:
            assert now == (score / penalty if score > 0 else score * penalty)
            assert (now <= score) == (penalty >= 1 or score in (0.0, -inf))


def test_penalty_of_a_row_that_is_not_there_for_another() -> None:
    seen = np.array([[True, False], [False, True]])
    found = drawing.penalised(np.array([[2.0, 2.0], [2.0, -2.0]]), seen, 2.0)
    assert found.tolist() == [[1.0, 2.0], [2.0, -4.0]]


@pytest.mark.parametrize("temperature", [1e-310, 1e-3, 1.0, 1e30])
def test_no_temperature_is_too_extreme(temperature: float) -> None:
    scores = drawing.tempered(np.array([[-50.0, 80.0, 79.0]]), temperature)
    weights = drawing.odds(scores)[0]
    assert weights[1] == 1.0
    assert np.isfinite(weights).all()
    assert weights[2] == pytest.approx(exp(max(-700.0, -1.0 / max(temperature, 1e-5))), abs=1e-12)


def test_the_order_is_the_one_that_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def noting(name: str) -> None:
        real = getattr(drawing, name)
        monkeypatch.setattr(drawing, name, lambda *a: called.append(name) or real(*a))

    names = ["penalised", "tempered", "top_k", "top_p", "min_p"]
    for name in names:
        noting(name)
    settings = Sampling(top_k=2, top_p=0.9, min_p=0.1, repetition_penalty=1.5)
    Draws(settings, 4, [[1]], [0]).next(np.zeros((1, 4), np.float32))
    assert called == names
    assert [called.index(name) for name in names] == sorted(
        range(5), key=lambda k: drawing.__doc__.index(f"    {names[k]} ")
    )


def draw_many(row: list[float], settings: Sampling, count: int) -> np.ndarray:
    """How often each id comes, over seeds."""
    drawn = [
        Draws(replace(settings, seed=seed), len(row), [[]], [0]).next(np.array([row], np.float32))
        for seed in range(count)
    ]
    return np.bincount(np.concatenate(drawn), minlength=len(row)) / count


def test_draws_follow_the_odds() -> None:
    row = [1.0, 0.0, 2.0, -1.0]
    weights = np.exp(np.array(row) / 0.5)
    share = draw_many(row, Sampling(temperature=0.5), 4000)
    assert np.abs(share - weights / weights.sum()).max() < 0.03
    assert draw_many(row, Sampling(top_k=2), 300)[[1, 3]].sum() == 0


def test_a_draw_depends_on_seed_sample_and_place_alone() -> None:
    logits = np.random.default_rng(1).normal(size=(3, 50)).astype(np.float32)
    settings = Sampling(temperature=2.0, seed=9)
    together = Draws(settings, 50, [[]] * 3, [0, 1, 2])
    alone = [Draws(settings, 50, [[]], [sample]) for sample in range(3)]
    columns = [together.next(logits).tolist() for _ in range(20)]
    rows_alone = [
        [int(draws.next(logits[b : b + 1])[0]) for draws, b in zip(alone, range(3), strict=True)]
        for _ in range(20)
    ]
    assert columns == rows_alone
    same = Draws(settings, 50, [[]] * 2, [0, 1])
    pairs = [same.next(logits[[0, 0]]).tolist() for _ in range(20)]
    assert any(a != b for a, b in pairs)


def test_greedy_takes_the_lower_of_two_and_heeds_the_penalty() -> None:
    row = np.array([[1.0, 3.0, 3.0, 2.0]], np.float32)
    draws = Draws(Sampling(temperature=0, repetition_penalty=2.0), 4, [[]], [0])
    assert [int(draws.next(row)[0]) for _ in range(4)] == [1, 2, 3, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_named(bad: float, temperature: float) -> None:
    draws = Draws(Sampling(temperature=temperature), 3, [[]], [0])
    draws.next(np.zeros((1, 3), np.float32))
    with pytest.raises(NumericsError, match=r"token 2 of the text: of 3 logits, 1 are not finite"):
        draws.next(np.array([[0.0, bad, 0.0]], np.float32))


REFUSALS = [
    ({"tokens": 0}, "tokens is 0, expected a whole number of at least 1"),
    ({"tokens": 2.5}, "tokens is 2.5, expected a whole number"),
    ({"num_samples": 0}, "num_samples is 0, expected a whole number of at least 1"),
    ({"top_k": -1}, "top_k is -1, expected a whole number of at least 0"),
    ({"seed": -1}, "seed is -1, expected a whole number of at least 0"),
    ({"temperature": -1.0}, "temperature is -1.0, expected 0 or more"),
    ({"temperature": inf}, "temperature is inf, expected 0 or more"),
    ({"top_p": 0.0}, "top_p is 0.0, expected 0 < top_p ≤ 1; 1: draw from all"),
    ({"top_p": float("nan")}, "top_p is nan, expected 0 < top_p"),
    ({"min_p": 1.5}, "min_p is 1.5, expected 0 ≤ min_p ≤ 1; 0: draw from all"),
    ({"repetition_penalty": 0.0}, "repetition_penalty is 0.0, expected a number above 0; 1: none"),
    ({"repetition_penalty": inf}, "repetition_penalty is inf, expected a number above 0"),
    ({"stop": "end"}, "stop is 'end', expected texts of a character or more"),
    ({"stop": ("a", "")}, r"stop is \('a', ''\), expected texts of a character or more"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS)
def test_impossible_settings_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Sampling(**change)

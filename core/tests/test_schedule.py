"""Learning rates of a plan that changed: what was stays, what comes is as the way says."""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rinzler.config import Curve, TrainConfig
from rinzler.errors import ConfigError
from rinzler.schedule import WAYS, curves_of, planned_rate, replanned
from rinzler.trainer import scheduled

PLAN = TrainConfig(steps=100, lr=0.4, min_lr=0.1, warmup_steps=10, cosine=True)


def rates(plan: TrainConfig, steps: int = 300) -> list[float]:
    return [planned_rate(plan, step) for step in range(steps)]


def half_cosine(done: float) -> float:
    return 0.1 + 0.3 * 0.5 * (1 + cos(pi * done))


def test_keep_follows_the_old_curve_and_stays_at_its_floor() -> None:
    assert rates(replanned(PLAN, 250, 40, "keep")) == rates(PLAN)
    assert rates(replanned(PLAN, 60, 40, "keep")) == rates(PLAN)
    assert set(rates(PLAN)[100:]) == {0.1}


def test_stretch_is_the_curve_of_a_run_that_long_from_the_start() -> None:
    plan = replanned(PLAN, 250, 40, "stretch")
    assert rates(plan)[:40] == rates(PLAN)[:40]
    assert rates(plan)[40:] == rates(replace(PLAN, steps=250))[40:]


def test_rewarm_rises_from_the_rate_it_finds_and_falls_to_the_new_end() -> None:
    plan = replanned(PLAN, 250, 40, "rewarm")
    assert rates(plan)[:40] == rates(PLAN)[:40]
    found = planned_rate(PLAN, 40)
    line = [found + (0.4 - found) * (k + 1) / 11 for k in range(10)]
    assert rates(plan)[40:50] == pytest.approx(line, rel=1e-12)
    fall = [half_cosine((step - 50) / 200) for step in range(50, 251)]
    assert rates(plan)[50:251] == pytest.approx(fall, rel=1e-12)
    assert rates(plan)[50] == 0.4
    assert set(rates(plan)[250:]) == {0.1}


def test_without_a_warmup_rewarm_takes_a_hundredth_of_the_rest() -> None:
    plain = replace(PLAN, warmup_steps=0)
    plan = replanned(plain, 540, 40, "rewarm")
    assert curves_of(plan)[-1] == Curve(40, 40, planned_rate(plain, 40), 5, 540)


def test_a_constant_rate_does_not_care() -> None:
    plan = replace(PLAN, cosine=False, min_lr=0.0)
    assert replanned(plan, 250, 40, "stretch") == replace(plan, steps=250)
    assert rates(plan)[9:12] == [0.4 * (10 / 11), 0.4, 0.4]


@given(
    st.lists(st.tuples(st.integers(1, 80), st.integers(12, 400), st.sampled_from(WAYS)), max_size=4)
)
def test_a_rate_that_was_used_is_the_same_for_ever(changes: list[tuple[int, int, str]]) -> None:
    """Whatever a run is asked, the steps that it has behind it keep their rates."""
    plan, at = PLAN, 0
    for after, more, way in changes:
        at += after
        new = replanned(plan, at + more, at, way)
        assert rates(new, at) == rates(plan, at)
        assert all(PLAN.min_lr <= rate <= PLAN.lr for rate in rates(new, at + more)[10:])
        assert TrainConfig.from_json(new.to_json()) == new
        assert planned_rate(new, at) == scheduled_rate(new, at)
        plan = new


def scheduled_rate(plan: TrainConfig, step: int) -> float:
    """The rate as the optimizer of a run has it."""

    class Stand:
        lr = plan.lr
        steps = step

    return scheduled(Stand(), plan).lr  # type: ignore[arg-type]


def test_what_was_decided_at_the_same_step_or_later_is_dropped() -> None:
    once = replanned(PLAN, 250, 40, "rewarm")
    assert replanned(once, 300, 40, "rewarm") == replanned(PLAN, 300, 40, "rewarm")
    assert replanned(once, 300, 20, "stretch") == replanned(PLAN, 300, 20, "stretch")
    assert rates(replanned(once, 300, 40, "keep")) == rates(PLAN)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda: replanned(PLAN, 250, 40, "bend"), "is 'bend', expected keep, stretch or rewarm"),
        (
            lambda: replanned(PLAN, 50, 40, "rewarm"),
            "the cosine ends at step 50, inside the warmup of 10 steps from step 40 on; use more",
        ),
        (lambda: replace(PLAN, curves=(Curve(since=3),)), r"at the steps \[3\], expected 0, then"),
        (lambda: replace(PLAN, curves=(Curve(), Curve())), r"at the steps \[0, 0\], expected 0"),
        (lambda: Curve(since=-1), "since is -1, expected a whole number of at least 0"),
        (lambda: Curve(end=0), "end is 0, expected a whole number of at least 1"),
        (lambda: Curve(origin=float("nan")), "origin is nan, expected a number of at least 0"),
    ],
)
def test_plans_that_are_none(mistake, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        mistake()

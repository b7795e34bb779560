"""What losses and norms show: spikes, and the three ways in which a validation can be bad."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, split
from rinzler.events import OVERFITTING, RISING, STUCK, Diverging, Evaluated, Spike, Stepped
from rinzler.gpt import GPT
from rinzler.monitor import APART, ENOUGH, KEPT, divergence, spike
from rinzler.train import train
from rinzler.trainer import Trainer

USUAL = [1.0, 2.0, 3.0] * 10


def test_a_spike_is_ten_times_the_median() -> None:
    assert spike(40, 20.0, USUAL, None) is None
    assert spike(40, 20.1, USUAL, None) == Spike(20.1, 2.0)


def test_a_spike_needs_something_to_be_held_against() -> None:
    assert spike(20, 500.0, USUAL[: ENOUGH - 1], None) is None
    assert spike(21, 500.0, USUAL[:ENOUGH], None) == Spike(500.0, 2.0)


def test_spikes_are_told_now_and_then_only() -> None:
    norms: deque[float] = deque(USUAL, maxlen=KEPT)
    told, last = [], None
    for step in range(100, 300):
        found = spike(step, 30.0 if step % 10 == 0 else 1.0, norms, last)
        if found:
            told.append(step)
            last = step
    assert told == [100, 150, 200, 250]
    assert np.diff(told).min() >= APART


def judged(loss: float, train_loss: float, best: float | None = None, step: int = 500, **limits):
    how = {"warmup": 100, "warn": 20.0, "crit": None} | limits
    return divergence(Evaluated(step, loss, 99, False), train_loss, best, 5.0, **how)


CASES = [
    ((3.0, 2.9, 3.1), None),
    ((3.7, 3.0, 3.6), OVERFITTING),
    ((3.5, 3.2, 3.1), RISING),
    ((3.4, 3.2, 3.1), None),
    ((4.9, 4.9, 4.8), STUCK),
    ((4.9, 4.9, None, 299), None),  # so early it need not have learnt anything
    ((4.9, 4.9, None, 300), STUCK),
    ((4.8, 4.8, None), None),
    ((6.0, 4.0, 3.0), OVERFITTING),  # the worse of two
]


@pytest.mark.parametrize(("numbers", "kind"), CASES)
def test_what_a_validation_shows(numbers: tuple, kind: str | None) -> None:
    found = judged(*numbers)
    assert (found.kind if found else None) == kind
    assert found is None or not found.critical


def test_what_it_was_held_against_is_told() -> None:
    assert judged(3.7, 3.0).beside == 3.0
    assert judged(3.5, 3.2, 3.1).beside == 3.1
    assert judged(4.9, 4.9).beside == 5.0
    assert judged(3.3, 3.0, crit=5.0).critical
    assert judged(3.3, 3.0, crit=5.0, warn=1.0).kind == OVERFITTING


SHAPE = GPTConfig(vocab_size=256, context=8, d_model=8, layers=1, heads=2)
SETTINGS = TrainConfig(steps=40, batch_size=2, lr=1e-2, eval_every=0, gen_every=0, save_every=0)
BYTES = ByteTokenizer()
TEXT = split([("verse", "the quick brown fox jumps over the lazy dog.\n" * 20)], 0.2, BYTES)


def trainer(settings: TrainConfig = SETTINGS) -> Trainer:
    return Trainer(GPT(SHAPE), BYTES, TEXT, settings)


def steep(run: Trainer) -> Stepped:
    """A step on weights that make its gradient long."""
    good = run.model.state()
    run.model.load(good | {"wte.weight": good["wte.weight"] * 300})
    event = run.step()
    run.model.load(good)
    return event


def test_a_resumed_run_tells_the_spikes_that_it_would_have_told() -> None:
    straight, stopped = trainer(), trainer()
    told = []
    for run in (straight, stopped):
        for _ in range(24):
            assert run.step().spike is None
        told.append(steep(run))
    assert told[0].spike == told[1].spike
    assert told[0].spike.grad_norm == told[0].grad_norm > 10 * told[0].spike.usual
    resumed = trainer()
    resumed.restore(stopped.snapshot())
    assert resumed.norms == straight.norms
    assert resumed.spiked == straight.spiked == 25
    assert steep(resumed).spike is None  # told a moment ago


def test_the_loop_tells_a_loss_that_rises(tmp_path: Path) -> None:
    run = trainer(replace(SETTINGS, steps=6, eval_every=3))
    run.best = (1, 2.0)
    found = [event for event in train(run) if isinstance(event, Diverging)]
    assert [event.kind for event in found] == [RISING, RISING]
    assert found[0].beside == 2.0

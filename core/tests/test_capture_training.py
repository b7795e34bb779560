"""Training steps, captured and not: the same weights, moments, losses and norms, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rinzler import checkpoint
from rinzler.config import OPTIMIZERS, GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, Split, split
from rinzler.errors import CaptureError, NumericsError, ShapeError
from rinzler.events import CapturedStep, Event, Stepped
from rinzler.gpt import GPT
from rinzler.ops import Device, no_fused
from rinzler.planner import one_by_one
from rinzler.train import train
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=8, d_model=12, layers=2, heads=2)
SETTINGS = TrainConfig(
    steps=7, batch_size=3, lr=1e-2, warmup_steps=3, cosine=True, eval_every=3, gen_every=0, seed=3
)


@pytest.fixture(autouse=True)
def _fused() -> Iterator[None]:
    with no_fused(False):
        yield


def text() -> Split:
    verse = "the quick brown fox jumps over the lazy dog, näive and ünder the rain.\n"
    return split([("verse", verse * 4)], 0.2, ByteTokenizer())


def trainer(
    settings: TrainConfig = SETTINGS,
    shape: GPTConfig = SHAPE,
    capture: bool = True,
    device: Device | None = None,
) -> Trainer:
    model = GPT(shape, seed=settings.seed, device=device)
    return Trainer(model, ByteTokenizer(), text(), settings, capture)


def facts(event: Stepped) -> tuple[float, ...]:
    return event.step, event.loss, event.lr, event.grad_norm


def assert_same(one: Trainer, other: Trainer) -> None:
    first, second = one.snapshot(), other.snapshot()
    assert first.meta == second.meta
    assert first.tensors.keys() == second.tensors.keys()
    for name, values in first.tensors.items():
        np.testing.assert_array_equal(values, second.tensors[name], err_msg=name)


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "defaults"])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_replay_equals_eager(optimizer: str, dropout: float, accumulate: int, fused: bool) -> None:
    lr = {"sgd": 0.5, "momentum": 0.05}.get(optimizer, 1e-2)
    settings = replace(SETTINGS, optimizer=optimizer, lr=lr, accumulate=accumulate)
    shape = replace(SHAPE, dropout=dropout)
    captured, eager = trainer(settings, shape), trainer(settings, shape, capture=False)
    with no_fused(not fused):
        for _ in range(7):
            assert facts(captured.step()) == facts(eager.step())
            assert_same(captured, eager)
    assert captured.captured is not None
    assert eager.captured is None


def test_replay_equals_eager_with_a_plan_that_reuses_nothing() -> None:
    captured, naive = trainer(), trainer()
    naive.update.captured.planner = one_by_one
    for _ in range(5):
        assert facts(captured.step()) == facts(naive.step())
    assert_same(captured, naive)
    reused, apart = captured.captured, naive.captured
    assert reused is not None
    assert apart is not None
    assert reused.arena < 0.6 * reused.unplanned
    assert apart.arena == apart.unplanned == reused.unplanned


@pytest.mark.parametrize("stop", [1, 2, 5])
@pytest.mark.parametrize("capture", [True, False])
def test_a_run_may_go_on_with_or_without(stop: int, capture: bool, tmp_path: Path) -> None:
    shape = replace(SHAPE, dropout=0.1)
    straight = trainer(shape=shape)
    whole = [facts(straight.step()) for _ in range(7)]
    first = trainer(shape=shape, capture=capture)
    begun = [facts(first.step()) for _ in range(stop)]
    path = checkpoint.path_for_step(tmp_path, stop)
    checkpoint.save(path, first.snapshot())
    second = trainer(shape=shape, capture=not capture)
    second.restore(checkpoint.load(path))
    second.evaluate()  # between two steps anything may happen
    ended = [facts(second.step()) for _ in range(7 - stop)]
    assert begun + ended == whole
    assert_same(straight, second)


def test_weights_may_be_loaded_into_a_run_that_is_replayed() -> None:
    run = trainer()
    saved = [run.snapshot() for _ in range(4) if run.step()]
    losses = [run.step().loss for _ in range(3)]
    run.restore(saved[-1])
    assert [run.step().loss for _ in range(3)] == losses


def test_a_run_says_once_that_it_is_captured(tmp_path: Path) -> None:
    events: list[Event] = list(train(trainer(), tmp_path))
    (found,) = [event for event in events if isinstance(event, CapturedStep)]
    assert isinstance(events[events.index(found) - 1], Stepped)
    assert found.step == 2
    assert found.calls > 50
    assert 0 < found.arena < found.unplanned
    eager = train(trainer(capture=False))
    assert not [event for event in eager if isinstance(event, CapturedStep)]
    going_on = trainer(replace(SETTINGS, steps=5))
    for _ in range(3):
        going_on.step()
    assert not [event for event in train(going_on) if isinstance(event, CapturedStep)]


@pytest.mark.parametrize(("at", "bad"), [(1, np.inf), (2, np.nan), (4, np.nan), (5, np.inf)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_that_is_not_finite_changes_nothing(at: int, optimizer: str, bad: float) -> None:
    run = trainer(replace(SETTINGS, optimizer=optimizer, accumulate=2))
    for _ in range(at - 1):
        run.step()
    good = run.model.state()
    spoiled = good | {"ln_f.weight": np.full(12, bad, np.float32)}
    run.model.load(spoiled)
    before = run.snapshot()
    with pytest.raises(NumericsError, match=rf"step {at}: the loss is nan .* Try a lower --lr"):
        run.step()
    assert run.steps == at - 1
    for name, values in run.snapshot().tensors.items():
        np.testing.assert_array_equal(values, before.tensors[name])
    run.model.load(good)
    straight = trainer(replace(SETTINGS, optimizer=optimizer, accumulate=2))
    expected = [facts(straight.step()) for _ in range(6)]
    assert [facts(run.step()) for _ in range(7 - at)] == expected[at - 1 :]


def test_an_error_inside_of_a_step_does_not_count_as_one() -> None:
    run = trainer()
    run.step()
    run.update.captured.function = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        run.step()
    assert run.steps == 1


def test_batches_of_another_kind_are_refused() -> None:
    run = trainer()
    ids = np.zeros((3, 8), np.int32)
    with pytest.raises(ShapeError, match="a step of 1 passes was fed 2 batches; give one"):
        run.update([(ids, ids), (ids, ids)])
    with pytest.raises(CaptureError, match=r"'targets 0' has shape \(3, 7\), the step is one "):
        run.update([(ids, ids[:, 1:])])
    for _ in range(3):
        run.step()
    with pytest.raises(ShapeError, match="ids from 0 to 256, expected 0 to 255"):
        run.update([(ids, ids + np.eye(3, 8, dtype=np.int32) * 256)])
    assert run.steps == 3

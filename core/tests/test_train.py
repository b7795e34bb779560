"""Training as a library: it learns, it can stop anywhere, and a bad step harms nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from math import prod
from pathlib import Path

import numpy as np
import pytest

from rinzler import checkpoint
from rinzler.checkpoint import Checkpoint
from rinzler.config import OPTIMIZERS, TrainConfig
from rinzler.data import ByteTokenizer, Split, split
from rinzler.errors import CheckpointError, ConfigError, DivergenceError, NumericsError
from rinzler.events import Diverging, Evaluated, Event, Sampled, Saved, Stepped
from rinzler.generate import Sampling, generate
from rinzler.gpt import GPT, GPTConfig
from rinzler.plugins import open_device
from rinzler.restore import load_model
from rinzler.step import gradients
from rinzler.train import train
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=16, d_model=16, layers=1, heads=2, dropout=0.1)
SETTINGS = TrainConfig(
    steps=12,
    batch_size=4,
    accumulate=2,
    lr=1e-2,
    warmup_steps=2,
    cosine=True,
    eval_every=5,
    gen_every=4,
    save_every=6,
    seed=3,
)


def text() -> Split:
    verse = "the quick brown fox jumps over the lazy dog, näive and ünder the rain.\n"
    return split([("verse", verse * 40)], 0.2, ByteTokenizer())


def trainer(
    settings: TrainConfig = SETTINGS, shape: GPTConfig = SHAPE, capture: bool = True
) -> Trainer:
    return Trainer(GPT(shape, seed=settings.seed), ByteTokenizer(), text(), settings, capture)


def test_events_come_when_the_settings_say(tmp_path: Path) -> None:
    events = list(train(trainer(), tmp_path))
    kinds = {
        kind: [e.step for e in events if isinstance(e, kind)]
        for kind in (Stepped, Evaluated, Sampled, Saved)
    }
    assert kinds[Stepped] == list(range(1, 13))
    assert kinds[Evaluated] == [5, 10, 12]
    assert kinds[Sampled] == [4, 8, 12]
    assert kinds[Saved] == [5, 6, 10, 12]  # a validation that is the best so far is kept
    evaluated = [e for e in events if isinstance(e, Evaluated)]
    assert [e.final for e in evaluated] == [False, False, True]
    assert evaluated[-1].tokens == len(text().val) - 1
    assert list(checkpoint.in_folder(tmp_path)) == [6, 10, 12]


def test_it_learns() -> None:
    settings = replace(SETTINGS, steps=150, accumulate=1, eval_every=0, gen_every=0)
    run = trainer(settings, replace(SHAPE, dropout=0.0))
    before = run.evaluate(final=True).loss
    losses = [event.loss for event in train(run) if isinstance(event, Stepped)]
    after = run.evaluate(final=True).loss
    assert before == pytest.approx(SHAPE.initial_loss, abs=0.1)
    assert np.mean(losses[-10:]) < 0.5 * losses[0]
    assert after < 0.5 * before


@pytest.mark.parametrize("stop", [1, 5, 11])
def test_a_resumed_run_has_the_bits_of_one_that_never_stopped(stop: int, tmp_path: Path) -> None:
    straight = trainer()
    whole = [e for e in train(straight) if isinstance(e, Stepped)]

    first = trainer()
    steps = (e for e in train(first) if isinstance(e, Stepped))
    begun = list(islice(steps, stop))
    path = checkpoint.path_for_step(tmp_path, first.steps)
    checkpoint.save(path, first.snapshot())
    second = trainer()
    second.restore(checkpoint.load(path))
    ended = [e for e in train(second) if isinstance(e, Stepped)]

    assert [e.loss for e in begun + ended] == [e.loss for e in whole]
    assert [e.lr for e in begun + ended] == [e.lr for e in whole]
    one, two = straight.snapshot(), second.snapshot()
    assert one.meta == two.meta
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(values, two.tensors[name])


def test_micro_batches_are_one_batch() -> None:
    shape = replace(SHAPE, dropout=0.0)
    run = trainer(replace(SETTINGS, accumulate=3), shape)
    pairs = [run.batches.draw(0, micro) for micro in range(3)]
    on_device = [tuple(run.model.ids(part).array for part in pair) for pair in pairs]
    losses = gradients(run.model, on_device)
    loss = sum(each.item() for each in losses) / 3
    gradient = run.model.flat().grad.numpy()
    inputs, targets = (np.concatenate(part) for part in zip(*pairs, strict=True))
    run.model.zero_grad()
    whole = run.model.loss(run.model.ids(inputs), run.model.ids(targets))
    whole.backward()
    assert loss == pytest.approx(whole.item(), rel=1e-6)
    worst = np.abs(run.model.flat().grad.numpy() - gradient).max()
    assert worst <= 1e-6 * np.abs(gradient).max()


def test_a_step_that_is_not_finite_stops_and_leaves_the_weights() -> None:
    run = trainer()
    run.step()
    weights = run.model.state()
    bad = weights | {"ln_f.weight": np.full(16, np.nan, np.float32)}
    run.model.load(bad)
    with pytest.raises(NumericsError, match=r"step 2: the loss is nan .* Try a lower --lr"):
        run.step()
    np.testing.assert_array_equal(run.model.state()["wte.weight"], weights["wte.weight"])
    assert run.steps == 1


def test_a_validation_that_is_not_finite_says_what_to_do() -> None:
    run = trainer()
    run.model.load(run.model.state() | {"ln_f.weight": np.full(16, np.nan, np.float32)})
    with pytest.raises(NumericsError, match=r"loss over \d+ tokens is nan\. .* --init RUN"):
        run.evaluate()


def test_each_micro_batch_has_masks_of_its_own() -> None:
    run = trainer(replace(SETTINGS, accumulate=3), replace(SHAPE, dropout=0.5))
    run.step()
    pairs = [run.batches.draw(1, micro) for micro in range(3)]
    state = run.model.state()
    losses = []
    for micro, pair in enumerate(pairs):
        run.model.dropout_key.set(1, micro)
        losses.append(run.model.loss(*(run.model.ids(part) for part in pair)).item())
    assert run.step().loss == sum(losses) / 3
    run.model.load(state)
    run.model.dropout_key.set(1, 0)
    same_mask = [run.model.loss(*(run.model.ids(part) for part in pair)).item() for pair in pairs]
    assert same_mask[0] == losses[0]
    assert same_mask[1] != losses[1]


@pytest.mark.parametrize("capture", [True, False])
def test_a_step_leaves_no_memory_behind_with_the_collector_off(capture: bool) -> None:
    run = trainer(capture=capture)
    for _ in range(2):
        run.step()
    live = open_device("numpy").memory.stats
    gc.disable()
    try:
        before = live.live
        for _ in range(2):
            run.step()
        run.evaluate()
        assert live.live == before
    finally:
        gc.enable()


def test_a_model_comes_back_from_a_checkpoint_and_writes_the_same_text(tmp_path: Path) -> None:
    run = trainer()
    run.step()
    checkpoint.save(tmp_path / "a.safetensors", run.snapshot())
    model, tokenizer = load_model(checkpoint.load(tmp_path / "a.safetensors"))
    assert model.config == run.model.config
    five = Sampling(tokens=40, temperature=0.9, seed=5)
    expected = "".join(generate(run.model, run.tokenizer, "the ", five))
    assert "".join(generate(model, tokenizer, "the ", five)) == expected
    assert "".join(generate(model, tokenizer, "the ", replace(five, seed=6))) != expected


REFUSALS = [
    ({"steps": 0}, "steps is 0, expected a whole number of at least 1"),
    ({"steps": 10**400}, r"steps is 2\*\*1328 or more, expected less than 2\*\*63"),
    ({"batch_size": 1.5}, "batch_size is 1.5"),
    ({"lr": 0.0}, "lr is 0.0, expected a number above 0"),
    ({"lr": float("nan")}, "lr is nan"),
    ({"min_lr": 1.0}, "min_lr is 1.0, expected 0 ≤ min_lr ≤ lr"),
    ({"warmup_steps": 12}, "the cosine needs steps after the warmup"),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS)
def test_impossible_settings_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SETTINGS, **change)


def test_a_checkpoint_of_something_else_is_refused() -> None:
    good = trainer().snapshot()
    with pytest.raises(CheckpointError, match="does not describe a GPT: KeyError: 'model'"):
        load_model(Checkpoint(good.tensors, {"step": 1}))
    shape = {**good.meta["model"], "heads": 5}
    with pytest.raises(CheckpointError, match="does not describe a GPT: ConfigError: heads 5"):
        load_model(Checkpoint(good.tensors, {**good.meta, "model": shape}))
    other = trainer(shape=replace(SHAPE, layers=2))
    with pytest.raises(CheckpointError, match="these weights are of another model"):
        other.restore(good)


@pytest.mark.parametrize("field", ["vocab_size", "context", "d_model", "layers"])
def test_a_description_that_would_ask_for_more_than_the_file_has_is_refused(field: str) -> None:
    good = trainer().snapshot()
    shape = {**good.meta["model"], field: 2**62}
    with pytest.raises(CheckpointError, match="numbers as weights, and describes a model of"):
        load_model(Checkpoint(good.tensors, {**good.meta, "model": shape}))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tie_weights", [True, False])
def test_a_model_has_as_many_numbers_as_its_shape_says(bias: bool, tie_weights: bool) -> None:
    shape = replace(SHAPE, layers=3, context=7, bias=bias, tie_weights=tie_weights)
    parameters = GPT(shape, device="numpy").parameters().values()
    assert shape.parameters == sum(prod(p.shape) for p in parameters)


@pytest.mark.parametrize("name", ["lr", "min_lr", "weight_decay", "clip_grad", "div_warn"])
def test_a_number_that_no_float_holds_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is 1000"):
        replace(SETTINGS, **{name: 10**400})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_by_its_name_learns_and_resumes(optimizer: str) -> None:
    lr = {"sgd": 0.5, "momentum": 0.05}.get(optimizer, 1e-2)
    settings = replace(SETTINGS, optimizer=optimizer, lr=lr, cosine=False, accumulate=1)
    straight, stopped = trainer(settings), trainer(settings)
    losses = [straight.step().loss for _ in range(12)]
    assert losses[-1] < losses[0]
    for _ in range(5):
        stopped.step()
    again = trainer(settings)
    again.restore(stopped.snapshot())
    assert [again.step().loss for _ in range(7)] == losses[5:]


def test_an_unknown_optimizer_is_named() -> None:
    with pytest.raises(ConfigError, match="optimizer is 'lion', expected adamw, adam"):
        replace(SETTINGS, optimizer="lion")


def far_apart(**limits: float | None) -> Trainer:
    """A run whose validation text has nothing in common with what it learns by heart."""
    settings = replace(SETTINGS, steps=40, eval_every=20, gen_every=0, save_every=0, **limits)
    data = Split(text().train % 128, (text().val + 7) % 128, "unlike anything")
    return Trainer(GPT(SHAPE, seed=1), ByteTokenizer(), data, settings)


def test_the_divergence_monitor_warns_in_numbers() -> None:
    events = list(train(far_apart(div_warn=20.0)))
    warnings = [event for event in events if isinstance(event, Diverging)]
    assert [event.step for event in warnings] == [20, 40]
    for event in warnings:
        assert event.gap == pytest.approx(100 * (event.val_loss / event.train_loss - 1))
        assert not event.critical
    assert not [e for e in train(trainer()) if isinstance(e, Diverging)]


def collect(source: Iterator[Event], into: list[Event]) -> None:
    for event in source:
        into.append(event)


def test_a_critical_gap_saves_and_stops(tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(DivergenceError, match=r"stopped at step 20: .* div_crit is 30 %") as caught:
        collect(train(far_apart(div_crit=30.0), tmp_path), events)
    assert caught.value.exit_code == 4
    assert isinstance(events[-2], Diverging)
    assert events[-2].critical
    assert isinstance(events[-1], Saved)
    assert checkpoint.load(events[-1].path).meta["step"] == 20


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"step": -1}, "this checkpoint is of no run: step is -1, best is None"),
        ({"step": True}, "step is True"),
        ({"best": [1, 2]}, r"best is \[1, 2\]\. Use another one of the run, or take the weights"),
        ({"recent_losses": "ab"}, "this checkpoint is of no run"),
        ({"spiked": "x"}, "this checkpoint is of no run"),
    ],
)
def test_a_checkpoint_that_no_run_has_written(meta: dict, message: str) -> None:
    run = trainer()
    good = run.snapshot()
    with pytest.raises(CheckpointError, match=message):
        run.restore(Checkpoint(good.tensors, {**good.meta, **meta}))


def test_a_run_does_not_go_on_in_another_dtype() -> None:
    good = trainer().snapshot()
    wide = {name: array.astype(np.float64) for name, array in good.tensors.items()}
    with pytest.raises(CheckpointError, match="is float64, expected float32, which the run"):
        trainer().restore(Checkpoint(wide, good.meta))

"""Optimizers and schedules against textbooks written out in float64, one number at a time."""

from __future__ import annotations

from math import cos, pi, sqrt

import numpy as np
import pytest

from rinzler import (
    SGD,
    Adam,
    AdamW,
    CosineWithWarmup,
    LinearWarmup,
    RMSprop,
    SGDMomentum,
    clip_grad_norm,
    measure,
)
from rinzler.errors import CheckpointError, ConfigError
from rinzler.nn import Module, Parameter
from rinzler.optim import Optimizer

STEPS = 25


class Pair(Module):
    """Two parameters, one of them decayed, of sizes that leave gaps in the flat buffer."""

    def __init__(self, dtype: str = "float64") -> None:
        rng = np.random.default_rng(3)
        self.matrix = Parameter(rng.normal(size=(3, 5)).astype(dtype))
        self.bias = Parameter(rng.normal(size=7).astype(dtype), decay=False)


def set_gradients(model: Module, values: dict[str, np.ndarray]) -> None:
    model.flat()
    for name, p in model.parameters().items():
        assert p.gradient is not None
        p.gradient.upload(values[name])


def gradients_of(step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(100 + step)
    return {"matrix": rng.normal(size=(3, 5)), "bias": rng.normal(size=7)}


def textbook(rule: str, p: float, gradients: list[float], decay: float) -> float:
    """One number through all steps, as the papers write it."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        if rule == "sgd":
            p = p - 0.1 * g
        elif rule == "momentum":
            v = 0.8 * v + g
            p = p - 0.1 * v
        elif rule == "rmsprop":
            v = 0.95 * v + 0.05 * g * g
            p = p - 0.1 * g / (sqrt(v) + 1e-8)
        else:
            p = p - 0.1 * decay * p
            m = 0.9 * m + 0.1 * g
            v = 0.97 * v + 0.03 * g * g
            p = p - 0.1 * (m / (1 - 0.9**t)) / (sqrt(v / (1 - 0.97**t)) + 1e-8)
    return p


RULES = {
    "sgd": lambda model: SGD(model, 0.1),
    "momentum": lambda model: SGDMomentum(model, 0.1, momentum=0.8),
    "rmsprop": lambda model: RMSprop(model, 0.1, alpha=0.95),
    "adam": lambda model: Adam(model, 0.1, betas=(0.9, 0.97)),
    "adamw": lambda model: AdamW(model, 0.1, betas=(0.9, 0.97), weight_decay=0.3),
}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_its_textbook(rule: str) -> None:
    model = Pair()
    start = model.state()
    optimizer = RULES[rule](model)
    for step in range(STEPS):
        set_gradients(model, gradients_of(step))
        optimizer.step()
    for name, values in model.state().items():
        decay = 0.3 if rule == "adamw" and name == "matrix" else 0.0
        for index in np.ndindex(values.shape):
            history = [gradients_of(step)[name][index] for step in range(STEPS)]
            expected = textbook(rule, start[name][index], history, decay)
            assert abs(values[index] - expected) <= 1e-12 * max(1.0, abs(expected))


@pytest.mark.parametrize("rule", RULES)
def test_a_gradient_that_is_not_finite_changes_nothing(rule: str) -> None:
    model = Pair()
    optimizer = RULES[rule](model)
    set_gradients(model, gradients_of(0))
    optimizer.step(measure(model, 1.0))
    weights, moments = model.state(), optimizer.state_arrays()
    for bad in (np.nan, np.inf, -np.inf):
        spoiled = gradients_of(1)
        spoiled["bias"][2] = bad
        set_gradients(model, spoiled)
        clip = measure(model, 1.0)
        optimizer.step(clip)
        assert clip.ok.item() == 0.0
        for name, values in model.state().items():
            np.testing.assert_array_equal(values, weights[name])
        for name, values in optimizer.state_arrays().items():
            np.testing.assert_array_equal(values, moments[name])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_counts_as_a_gradient_that_is_not(bad: float) -> None:
    model = Pair()
    set_gradients(model, gradients_of(0))
    device = model.flat().device
    good, spoiled = (device.array(np.array(value)) for value in (1e300, bad))
    assert measure(model, 1.0, [good, good]).ok.item() == 1.0
    for losses in ([spoiled], [good, spoiled], [spoiled, good]):
        clip = measure(model, 1.0, losses)
        assert clip.ok.item() == 0.0
        assert np.isfinite(clip.norm.item())


@pytest.mark.parametrize("rule", RULES)
def test_the_two_parts_of_a_step(rule: str) -> None:
    """`advance` changes no weight, `apply` counts nothing, and `retreat` takes a count back."""
    model, twin = Pair(), Pair()
    parted, whole = RULES[rule](model), RULES[rule](twin)
    for step in range(3):
        for each in (model, twin):
            set_gradients(each, gradients_of(step))
        before = model.state()
        parted.advance()
        parted.retreat()
        parted.advance()
        assert parted.steps == step + 1
        np.testing.assert_array_equal(model.state()["bias"], before["bias"])
        parted.apply()
        assert parted.steps == step + 1
        whole.step()
    for name, values in model.state().items():
        np.testing.assert_array_equal(values, twin.state()[name])


@pytest.mark.parametrize("rule", RULES)
def test_state_goes_to_a_new_optimizer_and_on_with_the_same_bits(rule: str) -> None:
    straight, stopped = Pair(), Pair()
    first, second = RULES[rule](straight), RULES[rule](stopped)
    for step in range(6):
        for model, optimizer in ((straight, first), (stopped, second)):
            set_gradients(model, gradients_of(step))
            optimizer.step(measure(model, 1.0))
        if step == 2:
            weights = stopped.state()
            moments = second.state_arrays()
            stopped = Pair()
            stopped.load(weights)
            second = RULES[rule](stopped)
            second.load_state(moments, steps=3)
    for name, values in straight.state().items():
        np.testing.assert_array_equal(values, stopped.state()[name])


def test_clipping_brings_the_norm_down_and_no_further() -> None:
    model = Pair()
    gradients = gradients_of(0)
    norm = sqrt(sum(float((g**2).sum()) for g in gradients.values()))
    for limit in (norm / 3, norm * 3):
        set_gradients(model, gradients)
        assert clip_grad_norm(model, limit) == pytest.approx(norm, rel=1e-12)
        scale = min(1.0, limit / (norm + 1e-6))
        for name, p in model.parameters().items():
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.numpy(), gradients[name] * scale, rtol=1e-12)


def test_handing_the_scale_over_equals_clipping_first() -> None:
    plain, fused = Pair(), Pair()
    first, second = RULES["adamw"](plain), RULES["adamw"](fused)
    for step in range(5):
        set_gradients(plain, gradients_of(step))
        set_gradients(fused, gradients_of(step))
        clip_grad_norm(plain, 0.5)
        first.step()
        second.step(measure(fused, 0.5))
    for name, values in plain.state().items():
        np.testing.assert_allclose(values, fused.state()[name], rtol=1e-13)


def test_warmup_and_cosine_are_functions_of_the_step_alone() -> None:
    warm = LinearWarmup(SGD(Pair(), 0.4), warmup=3)
    assert [warm.rate(k) for k in (0, 1, 2, 3, 100)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])
    cosine = CosineWithWarmup(SGD(Pair(), 0.4), warmup=3, total=13, floor=0.1)
    for k in range(3, 13):
        expected = 0.1 + 0.3 * 0.5 * (1 + cos(pi * (k - 3) / 10))
        assert cosine.rate(k) == pytest.approx(expected, rel=1e-12)
    assert cosine.rate(0) == pytest.approx(0.1)
    assert cosine.rate(13) == pytest.approx(0.1)
    assert cosine.rate(99) == pytest.approx(0.1)


@pytest.mark.parametrize("rule", RULES)
def test_a_schedule_looks_like_the_optimizer_it_wraps(rule: str) -> None:
    model, twin = Pair(), Pair()
    schedule = CosineWithWarmup(RULES[rule](model), warmup=2, total=6)
    plain = RULES[rule](twin)
    for step in range(6):
        assert schedule.steps == step
        plain.lr = schedule.lr
        set_gradients(model, gradients_of(step))
        set_gradients(twin, gradients_of(step))
        schedule.step(measure(model))
        plain.step(measure(twin))
    for name, values in model.state().items():
        np.testing.assert_array_equal(values, twin.state()[name])
    assert schedule.state_arrays().keys() == plain.state_arrays().keys()
    schedule.zero_grad()
    assert measure(model).norm.item() == 0.0


REFUSALS = [
    (lambda: SGD(Pair(), -1.0), "lr is -1.0, expected a number ≥ 0"),
    (lambda: SGD(Pair(), float("nan")), "lr is nan"),
    (lambda: AdamW(Pair(), 0.1, betas=(0.9, 1.0)), "beta2 is 1.0, expected 0 ≤ beta2 < 1"),
    (lambda: AdamW(Pair(), 0.1, weight_decay=-0.1), "weight_decay is -0.1"),
    (lambda: SGDMomentum(Pair(), 0.1, momentum=2.0), "momentum is 2.0"),
    (lambda: RMSprop(Pair(), 0.1, alpha=-1.0), "alpha is -1.0"),
    (lambda: measure(Pair(), 0.0), "max_norm is 0.0, expected a positive number or None"),
    (lambda: LinearWarmup(SGD(Pair(), 0.1), -1), "warmup is -1"),
    (lambda: CosineWithWarmup(SGD(Pair(), 0.1), 5, 5), "the cosine ends at step 5, inside"),
]


@pytest.mark.parametrize(("mistake", "message"), REFUSALS)
def test_mistakes_are_named(mistake: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        mistake()  # type: ignore[operator]


def test_state_of_another_optimizer_is_refused_before_anything_changes() -> None:
    optimizer = AdamW(Pair(), 0.1)
    with pytest.raises(CheckpointError, match="does not fit AdamW on this model"):
        optimizer.load_state(SGDMomentum(Pair(), 0.1).state_arrays(), 3)
    wrong = optimizer.state_arrays()
    wrong["v.bias"] = np.zeros(8)
    with pytest.raises(CheckpointError, match=r"bias has shape \(8,\), expected \(7,\)"):
        optimizer.load_state(wrong, 3)
    assert optimizer.steps == 0


def test_an_optimizer_without_a_rule_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Optimizer(Pair(), 0.1).step()

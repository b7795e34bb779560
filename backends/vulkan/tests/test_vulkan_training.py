"""Training for longer: beside the numpy backend, and a thousand replays of one step."""

from __future__ import annotations

import numpy as np
from vulkan_testing import Opened

from rinzler.config import TrainConfig
from rinzler.data import Batches
from rinzler.footprint import footprint
from rinzler.gpt import GPT, GPTConfig
from rinzler.guard import explain_step
from rinzler.ops import Device
from rinzler.optim import AdamW
from rinzler.plugins import open_device
from rinzler.step import Step

CONFIG = GPTConfig(vocab_size=61, context=24, d_model=32, layers=2, heads=2)
LIMIT = 1e-5  # relative, as for every backend


def losses(device: Device, steps: int, lr: float, capture: bool = True) -> list[float]:
    """Of a GPT that learns to count, with a gradient clipped at 1."""
    model = GPT(CONFIG, seed=7, device=device)
    step = Step(model, AdamW(model, lr, weight_decay=0.1 if lr else 0.0), 4, clip_grad=1.0)
    step.captured.eager = not capture
    tokens = (np.arange(5000) * np.arange(5000) // 7 % CONFIG.vocab_size).astype(np.int32)
    batches = Batches(tokens, 4, CONFIG.context, seed=3)
    return [step([batches.draw(k if lr else 0)])[0] for k in range(steps)]


def test_two_hundred_steps_beside_numpy(opened: Opened) -> None:
    ours = losses(Device(opened()), 200, 1e-3)
    theirs = losses(open_device("numpy"), 200, 1e-3)
    assert theirs[-1] < 0.8 * theirs[0]  # or there was nothing to go wrong
    np.testing.assert_allclose(ours, theirs, rtol=LIMIT)


def test_a_thousand_replays_of_a_training_step(opened: Opened) -> None:
    """At a rate of 0 the weights stay, so every step is the first, eager or replayed."""
    eager = losses(Device(opened()), 3, 0.0, capture=False)
    replayed = losses(Device(opened(validate=False)), 1002, 0.0)
    assert set(eager) == set(replayed)
    assert len(set(replayed)) == 1


def test_an_overflow_in_a_replayed_step_names_the_layer(opened: Opened) -> None:
    model = GPT(CONFIG, seed=7, device=Device(opened()))
    step = Step(model, AdamW(model, 1e-3), 4)
    pairs = [Batches(np.arange(500, dtype=np.int32) % 61, 4, CONFIG.context, seed=3).draw(0)]
    losses = [step(pairs)[0] for _ in range(3)]
    assert np.isfinite(losses).all()
    weights = model.state()
    weights["h.1.mlp.c_fc.weight"] = np.sign(weights["h.1.mlp.c_fc.weight"]) * np.float32(3e38)
    model.load(weights)
    assert not np.isfinite(step(pairs)).all()
    assert " in h.1.mlp.c_fc, forward: " in explain_step(step, pairs)
    for name, values in model.state().items():
        np.testing.assert_array_equal(values, weights[name])


def test_a_rehearsal_asks_for_the_bytes_of_a_run(opened: Opened) -> None:
    device = Device(opened())
    config = TrainConfig(batch_size=4)
    said = footprint(CONFIG, config, device.backend, "float32")
    model = GPT(CONFIG, seed=7, device=device)
    step = Step(model, AdamW(model, 1e-3), 4, clip_grad=config.clip_grad)
    pairs = [Batches(np.arange(500, dtype=np.int32) % 61, 4, CONFIG.context, seed=3).draw(0)]
    for _ in range(3):
        step(pairs)
    assert said.peak == device.memory.stats.peak
    assert said.step == step.captured.summary.arena

"""Captured steps: a replay is the eager run, to the bit, and only the batch and the loss travel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vulkan_testing import Opened, failing

from rinzler.capture import Captured
from rinzler.gpt import GPT, GPTConfig
from rinzler.ops import Device, call
from rinzler.optim import AdamW
from rinzler.step import Step
from rinzler_vulkan import constants as C
from rinzler_vulkan import program
from rinzler_vulkan.errors import DeviceLost

STEPS = 6


def train(backend: Any, capture: bool, dropout: float = 0.0, steps: int = STEPS) -> Any:
    """Losses, norms and weights of a few steps of a small GPT."""
    device = Device(backend)
    config = GPTConfig(vocab_size=33, context=16, d_model=32, layers=2, heads=2, dropout=dropout)
    model = GPT(config, seed=3, device=device)
    step = Step(model, AdamW(model, lr=1e-2), 2, 1, 1.0, capture)
    rng = np.random.default_rng(5)
    numbers = []
    for _ in range(steps):
        ids = rng.integers(0, 33, (2, 17))
        numbers.append(step([(ids[:, :-1], ids[:, 1:])]))
    weights = [p.numpy() for p in model.parameters().values()]
    return numbers, weights, step


def same(one: Any, other: Any) -> bool:
    pairs = zip(one[1], other[1], strict=True)
    return one[0] == other[0] and all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_replay_is_eager_to_the_bit(opened: Opened, dropout: float) -> None:
    eager = train(opened(), False, dropout)
    captured = train(opened(), True, dropout)
    assert same(eager, captured)
    assert len({loss for loss, _ in captured[0]}) == STEPS


def test_every_barrier_and_the_staged_way_change_no_bit(opened: Opened) -> None:
    plain = train(opened(), True)
    for changes in ({"barriers": "all"}, {"without": frozenset({"direct"})}):
        assert same(plain, train(opened(**changes), True))


def test_long_steps_are_cut_into_command_buffers(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(opened(), True)
    monkeypatch.setattr(program, "LONGEST", 7)
    assert same(plain, train(opened(), True))


def test_barriers_are_fewer_than_calls(opened: Opened) -> None:
    *_, step = train(opened(), True)
    (segment,) = step.captured._bound.run.segments
    assert 0 < segment.barriers < segment.calls


def test_only_the_batch_and_the_loss_travel(opened: Opened) -> None:
    backend = opened()
    _, _, step = train(backend, True)
    transfers = backend.transfers
    before = (transfers.uploads, transfers.uploaded, transfers.downloads, transfers.downloaded)
    ids = np.zeros((2, 16), np.int64)
    step([(ids, ids)])
    after = (transfers.uploads, transfers.uploaded, transfers.downloads, transfers.downloaded)
    uploads, uploaded, downloads, downloaded = np.subtract(after, before)
    assert uploads == 2  # ids and targets; the numbers of the optimizer
    aligned = -(-4 * ids.size // 256) * 256  # bytes that an array of ids takes among others
    assert uploaded <= 2 * aligned + 2 * 256
    assert downloads == 2  # the loss and the norm
    assert downloaded == 8


def test_host_calls_run_in_their_place(opened: Opened) -> None:
    backend = opened()
    device = Device(backend)
    key = device.array(np.arange(4, dtype=np.int32))
    total = device.full((5,), 0.0, "float32")

    def work() -> Any:
        drawn = call("random_uniform", key, shape=(5,), dtype="float32", site=1)
        twice = call("add", drawn, drawn)
        call("add", total, twice, out=total)
        return (twice,)

    captured = Captured(work, device)
    seen = []
    for k in range(5):
        key.upload(np.arange(4, dtype=np.int32) + k)
        seen.append(captured()[0])
    fresh = []
    for k in range(5):
        key.upload(np.arange(4, dtype=np.int32) + k)
        fresh.append(work()[0].numpy())
    np.testing.assert_array_equal(seen, fresh)
    np.testing.assert_allclose(total.numpy(), 2 * np.sum(seen, axis=0), rtol=1e-6)


def test_a_thousand_replays_are_one_replay(opened: Opened, rng: np.random.Generator) -> None:
    backend = opened(validate=False)
    device = Device(backend)
    a = device.array(rng.standard_normal((33, 33)).astype(np.float32))
    captured = Captured(lambda: (call("sum_rows", call("matmul", a, call("tanh", a))),), device)
    first = captured()[0]
    assert all(np.array_equal(captured()[0], first) for _ in range(999))


def test_a_program_gives_its_objects_back(opened: Opened) -> None:
    backend = opened()
    device = Device(backend)
    a = device.full((4,), 1.0, "float32")
    counts = []
    for _ in range(5):
        captured = Captured(lambda: (call("add", a, a),), device)
        for _ in range(3):
            captured()
        del captured
        counts.append(len(backend.device._destroyers))
    assert len(set(counts[1:])) == 1, counts


def test_a_device_lost_in_a_replay(opened: Opened) -> None:
    backend = opened()
    _, _, step = train(backend, True)
    ids = np.zeros((2, 16), np.int64)
    lost = failing(backend.device.vk, "vkQueueSubmit2", C.ERROR_DEVICE_LOST)
    words = r"submitting a captured step, fill \.\.\. .*calls"
    with lost, pytest.raises(DeviceLost, match=words):
        step([(ids, ids)])

"""A rehearsal on a device without memory asks for the bytes that the run will ask for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import ByteTokenizer, split
from rinzler.footprint import Footprint, Hollow, footprint
from rinzler.gpt import GPT
from rinzler.ops import Device, no_fused
from rinzler.plugins import open_device
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=24, d_model=32, layers=2, heads=2, dropout=0.1)
SETTINGS = TrainConfig(steps=9, batch_size=4)
BYTES = ByteTokenizer()
TEXT = split([("verse", "the quick brown fox jumps over the lazy dog.\n" * 40)], 0.2, BYTES)


def trained(device: Device, config: TrainConfig, capture: bool, dtype: str = "float32") -> Trainer:
    model = GPT(SHAPE, device=device, dtype=dtype)
    run = Trainer(model, BYTES, TEXT, config, capture)
    for _ in range(4):
        run.step()
    return run


@pytest.mark.parametrize("name", ["numpy", "numba"])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "defaults"])
def test_it_is_what_a_captured_run_asks_for_to_the_byte(
    name: str, accumulate: int, fused: bool
) -> None:
    config = replace(SETTINGS, accumulate=accumulate)
    device = Device(open_device(name).backend)
    with no_fused(not fused):
        said = footprint(SHAPE, config, device.backend, "float32")
        run = trained(device, config, True)
    assert said.peak == device.memory.stats.peak
    assert said.step == run.captured.arena
    flat = run.model.flat()
    assert said.weights == said.gradients == flat.data.block.nbytes
    assert said.moments == 2 * said.weights


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_capture_it_is_close(dtype: str) -> None:
    device = Device(open_device("numpy").backend)
    said = footprint(SHAPE, SETTINGS, device.backend, dtype, capture=False)
    trained(device, SETTINGS, False, dtype)
    assert said.peak == pytest.approx(device.memory.stats.peak, rel=0.01)
    assert said.step > 4 * said.weights


@pytest.mark.parametrize(("optimizer", "moments"), [("adam", 2), ("momentum", 1), ("sgd", 0)])
def test_moments_are_those_of_the_optimizer(optimizer: str, moments: int) -> None:
    backend = open_device("numpy").backend
    said = footprint(SHAPE, replace(SETTINGS, optimizer=optimizer), backend, "float32")
    assert said.moments == moments * said.weights


def test_it_takes_no_memory_worth_speaking_of() -> None:
    """A model of 9 GB, on a machine that need not have them."""
    shape = replace(SHAPE, d_model=4096, layers=12, heads=32)
    said = footprint(
        shape, replace(SETTINGS, optimizer="sgd"), open_device("numpy").backend, "float32"
    )
    assert said.weights > 9e9


def test_a_hollow_backend_gives_zeros_and_remembers_nothing() -> None:
    device = Device(Hollow(open_device("numpy").backend))
    array = device.array(np.ones(3, np.float32))
    assert array.numpy().tolist() == [0.0, 0.0, 0.0]
    device.synchronize()
    assert array.handle is None


def test_it_reads_as_a_record() -> None:
    assert Footprint(1, 2, 3, 4, 5).to_json() == {
        "weights": 1,
        "gradients": 2,
        "moments": 3,
        "step": 4,
        "peak": 5,
    }

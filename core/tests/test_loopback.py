"""Core over a device that gives nothing it has not promised: the same bits as over numpy.

`subjects/loopback.py` says what it withholds. Each thing that core does with a device is done here
on both; the bugs at the end are planted in core, and found, some of which numpy alone would hide.
Read next: `test_loopback_command.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from loopback import Loopback, allocator_of

from rinzler import checkpoint
from rinzler.capture import Captured
from rinzler.checkpoint import Checkpoint
from rinzler.config import OPTIMIZERS, GPTConfig, Sampling, TrainConfig
from rinzler.conformance.tiers.generate import HOW, TEXTS, drawn, from_kept, from_whole
from rinzler.data import ByteTokenizer, Split, split
from rinzler.errors import NumericsError, ShapeError
from rinzler.generate import generate_many
from rinzler.gpt import GPT
from rinzler.ops import Array, Device, call, no_fused
from rinzler.ops import device as device_module
from rinzler.ops.memory import Allocator, Block
from rinzler.ops.recording import Recording
from rinzler.planner import Call, Plan, lifetimes, planned
from rinzler.tensor import Tensor
from rinzler.train import train
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=8, d_model=12, layers=2, heads=2, dropout=0.1)
SETTINGS = TrainConfig(
    **{"steps": 8, "batch_size": 3, "accumulate": 2, "lr": 1e-2, "min_lr": 1e-3},
    **{"warmup_steps": 3, "cosine": True, "eval_every": 3, "gen_every": 4, "save_every": 4},
    **{"eval_windows": 3, "seed": 3},
)
BYTES = ByteTokenizer()
STEPS = 5  # two are recorded, three replayed
MakeDevice = Callable[[], Device]


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> MakeDevice:
    monkeypatch.setattr(device_module, "Allocator", allocator_of)
    return lambda: Device(Loopback())


def text() -> Split:
    verse = "the quick brown fox jumps over the lazy dog, näive and ünder the rain.\n"
    return split([("verse", verse * 4)], 0.2, BYTES)


def trainer(
    device: Device, settings: TrainConfig = SETTINGS, capture: bool = True, seed: int = 1
) -> Trainer:
    return Trainer(GPT(SHAPE, seed=seed, device=device), BYTES, text(), settings, capture)


def same(one: Checkpoint, other: Checkpoint) -> bool:
    """All arrays to the bit, and all that is said beside them, the device aside."""
    return (
        {**one.meta, "numerics": 0} == {**other.meta, "numerics": 0}
        and one.tensors.keys() == other.tensors.keys()
        and all(x.tobytes() == other.tensors[name].tobytes() for name, x in one.tensors.items())
    )


# --- what core does with a device -------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "defaults"])
@pytest.mark.parametrize("capture", [True, False], ids=["captured", "eager"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training(
    device: Device, loopback: MakeDevice, optimizer: str, capture: bool, fused: bool
) -> None:
    settings = replace(SETTINGS, optimizer=optimizer)
    late = loopback()
    with no_fused(not fused):
        here, there = trainer(device, settings, capture), trainer(late, settings, capture)
        for _ in range(STEPS):
            one, other = here.step(), there.step()
            assert (one.loss, one.grad_norm) == (other.loss, other.grad_norm)
        assert here.evaluate() == there.evaluate()
        assert here.step().loss == there.step().loss  # training goes on after a validation
    assert same(here.snapshot(), there.snapshot())
    assert late.backend.longest > 50  # most of a step waited for its end


def test_a_whole_run_and_its_resume(device: Device, loopback: MakeDevice, tmp_path: Path) -> None:
    """Samples, validations and checkpoints in between; then from the middle, in other memory."""
    for name in "abc":
        (tmp_path / name).mkdir()
    straight, late = trainer(device), trainer(loopback())
    events = [list(train(run, tmp_path / name)) for name, run in (("a", straight), ("b", late))]
    kinds = [[type(event).__name__ for event in each] for each in events]
    assert kinds[0] == kinds[1]
    assert same(straight.snapshot(), late.snapshot())
    again = trainer(loopback(), seed=9)
    again.restore(checkpoint.load(checkpoint.path_for_step(tmp_path / "b", 4)))
    list(train(again, tmp_path / "c"))
    assert same(straight.snapshot(), again.snapshot())


@pytest.mark.parametrize(("config", "lengths", "more"), TEXTS)
def test_what_generation_keeps(
    device: Device, loopback: MakeDevice, config: GPTConfig, lengths: tuple[int, ...], more: int
) -> None:
    texts = drawn(config, lengths, more)
    here, there = (GPT(config, seed=11, device=each) for each in (device, loopback()))
    assert from_whole(here, *texts).tobytes() == from_whole(there, *texts).tobytes()
    for capture in HOW.values():
        kept = from_kept(there, *texts, capture)
        assert from_kept(here, *texts, capture).tobytes() == kept.tobytes()


def test_texts_in_company(device: Device, loopback: MakeDevice) -> None:
    """Of several lengths, and past the context."""
    written = []
    for each in (device, loopback()):
        model = GPT(SHAPE, seed=4, device=each)
        sampling = Sampling(tokens=30, top_k=50, repetition_penalty=1.2, seed=2)
        prompts = ["the quick", "", "a rain that fell for longer than the context"]
        written.append(list(generate_many(model, BYTES, prompts, sampling)))
    assert written[0] == written[1]
    assert len(written[0]) > 30


def test_who_gave_an_array_may_change_it(loopback: MakeDevice) -> None:
    """As soon as the call has returned, long before the device comes round to it."""
    device = loopback()
    host, ids = np.ones((3, 4), np.float32), np.zeros((2, 8), np.int32)
    x = device.array(host)
    y = call("add", x, x)
    host.fill(7)
    x.upload(host)
    host.fill(9)
    assert y.numpy().tolist() == [[2.0] * 4] * 3
    assert x.numpy().tolist() == [[7.0] * 4] * 3
    model = GPT(SHAPE, device=device)
    model.eval()
    expected = model(Tensor(np.zeros((2, 8), np.int32), device=device)).numpy()
    logits = model(Tensor(ids, device=device))
    ids.fill(200)
    assert logits.numpy().tobytes() == expected.tobytes()


# --- bugs in core that it finds ---------------------------------------------------------------


def a_temporary_is_freed_before_its_last_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def early(calls: list[Call], sizes: list[int], kept: set[int], alignment: int) -> Plan:
        _, last = lifetimes(calls, len(sizes), kept)
        shorter = [
            replace(each, reads=tuple([n for n in each.reads if last[n] != index]))
            for index, each in enumerate(calls)
        ]
        return planned(shorter, sizes, kept, alignment)

    monkeypatch.setattr(Captured.__init__, "__defaults__", (None, False, 0, early))


def a_live_block_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hundredth block is thought to be free as soon as it is taken."""
    allocate, turns = Allocator.allocate, count(1)

    def careless(self: Allocator, nbytes: int) -> Block:
        block = allocate(self, nbytes)
        if next(turns) % 100 == 0:
            self.free.setdefault(block.nbytes, []).append(block.buffer)
        return block

    monkeypatch.setattr(Allocator, "allocate", careless)


def what_is_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core looks at memory by itself, which it happens to be able to where that is an array."""

    def peek(self: Array) -> np.ndarray:
        return np.array(getattr(self.handle, "_memory", self.handle))

    monkeypatch.setattr(Array, "_download", peek)


def a_tape_does_not_hold_its_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handles work on, over memory that is nobody's."""
    record = Captured._record

    def forgetful(self: Captured) -> tuple[np.ndarray, ...]:
        values = record(self)
        if self._bound is not None:
            self._recording = None
            self._bound.recording = Recording((), (), ())
            self._bound._handles.clear()
            self.device._constants.clear()
        return values

    monkeypatch.setattr(Captured, "_record", forgetful)


def fresh_memory_is_taken_for_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Device.full

    def lazy(self: Device, shape: tuple[int, ...], value: float, dtype: str) -> Array:
        return full(self, shape, value, dtype) if value else self.empty(shape, dtype)

    monkeypatch.setattr(Device, "full", lazy)


# Those that numpy hides: there the numbers are right for all that.
HIDDEN = (what_is_read_is_not_waited_for, a_tape_does_not_hold_its_constants)
PLANTED = (
    a_temporary_is_freed_before_its_last_reader,
    a_live_block_is_handed_out,
    fresh_memory_is_taken_for_zeros,
    *HIDDEN,
)


def numbers(device: Device) -> list[float]:
    """Losses of a training, then what a step with a constant comes to."""
    run = trainer(device)
    losses = [run.step().loss for _ in range(STEPS)]
    x = device.full((), 8.0, "float32")
    halved = Captured(lambda: [call("mul", x, device.constant(0.5, "float32"), out=x)], device)
    return losses + [halved()[0].item() for _ in range(STEPS)]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_it_notices(
    plant: Callable[[pytest.MonkeyPatch], None],
    device: Device,
    loopback: MakeDevice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = numbers(device)
    assert numbers(loopback()) == right
    plant(monkeypatch)
    if plant in HIDDEN:
        assert numbers(Device(device.backend)) == right
    try:
        found = numbers(loopback())
    except (AssertionError, NumericsError, ShapeError):
        return  # it said so itself, or the numbers did
    assert found != right


def test_it_says_who_wrote_to_memory_that_was_given_back(loopback: MakeDevice) -> None:
    device = loopback()
    x = device.full((100,), 1.0, "float32")
    handle = x.handle
    del x
    device.backend.kernels["fill"](handle, value=3.0)
    device.empty((100,), "float32")
    with pytest.raises(AssertionError, match=r"416 bytes was handed out while 100 words of it are"):
        device.synchronize()

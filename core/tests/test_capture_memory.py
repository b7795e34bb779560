"""The arena of a training step: no larger than it must be, and it takes the place of the rest."""

from __future__ import annotations

import numpy as np
import pytest
from null import Null

from rinzler.capture import call_of, sizes_of
from rinzler.config import GPTConfig
from rinzler.gpt import GPT
from rinzler.ops import Array, Device, call, no_fused
from rinzler.ops.recording import record
from rinzler.optim import AdamW
from rinzler.planner import peak, planned
from rinzler.plugins import open_device
from rinzler.step import Step

GPTS = {  # name: shape, batch size
    "C1": (GPTConfig(1000, context=128, d_model=64, layers=4, heads=4), 8),
    "C3": (GPTConfig(65, context=256, d_model=384, layers=6, heads=6), 16),
}


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "defaults"])
@pytest.mark.parametrize("name", GPTS)
def test_the_arena_is_hardly_more_than_what_is_alive_at_once(name: str, fused: bool) -> None:
    """At full size: over nothing it costs nothing."""
    shape, batch_size = GPTS[name]
    backend = Null()
    model = GPT(shape, device=Device(backend))
    step = Step(model, AdamW(model, 1e-3), batch_size, clip_grad=1.0)
    ids = np.zeros((batch_size, shape.context), np.int32)
    held = backend.held
    with no_fused(not fused):
        step([(ids, ids)])
        eager = backend.most - held
        for _ in range(3):
            step([(ids, ids)])
    recording = step.captured._recording
    summary = step.captured.summary
    assert recording is not None
    assert summary is not None
    sizes = sizes_of(recording)
    calls = [call_of(entry, sizes) for entry in recording.entries]
    kept = {x.block for x in recording.results if isinstance(x.block, int)}
    least = peak(calls, sizes, kept, 64)
    assert least <= summary.arena <= 1.05 * least
    assert summary.arena <= 0.5 * summary.unplanned
    # The arena takes the place of what the eager steps needed; it does not come on top.
    constants = 4 * shape.context**2 + 4 * shape.vocab_size**2 + 2**16
    assert backend.most <= held + max(eager, summary.arena) + constants
    assert backend.held <= held + summary.arena + constants


def test_what_may_be_written_over_what() -> None:
    """Only an operand that is read whole, once, and where the table says so."""
    device = Device(open_device("numpy").backend)
    held = device.array(np.ones((4, 4)))

    def compute() -> list[Array]:
        a = call("exp", held)  # 0: nothing to write over
        b = call("mul", held, a.part(0, ()))  # 1: every element needs the one that it would lose
        c = call("mul", b, b.reshape((16,)).part(3, ()))  # 2: likewise, of itself
        d = call("add", c, c)  # 3: twice: left alone
        e = call("where", held, d, held)  # 4: over d
        f = call("max_rows", call("permute", e, axes=(1, 0)))  # 5, 6: not elementwise
        call("add", f, f, out=f)  # 7: an update, not a birth
        return [call("mul", call("exp", e), call("tanh", e))]  # 8, 9 over e, 10 over both

    recording, _ = record(compute, device)
    calls = [call_of(entry, sizes_of(recording)) for entry in recording.entries]
    assert [call.over for call in calls] == [
        *((), (), (), (), (3,), (), (), ()),
        *((4,), (4,), (7, 8)),
    ]


def small_step(device: Device) -> Step:
    """With dropout and two passes."""
    shape = GPTConfig(256, context=8, d_model=12, layers=2, heads=2, dropout=0.1)
    model = GPT(shape, device=device)
    return Step(model, AdamW(model, 1e-3), batch_size=3, accumulate=2, clip_grad=1.0)


def take(step: Step) -> None:
    ids = np.zeros((3, 8), np.int32)
    step([(ids, ids)] * 2)


def test_a_plan_of_a_real_step_lets_nobody_read_what_another_wrote() -> None:
    step = small_step(open_device("numpy"))
    with no_fused():
        take(step)
    recording = step.captured._recording
    assert recording is not None
    sizes = sizes_of(recording)
    calls = [call_of(entry, sizes) for entry in recording.entries]
    plan = planned(calls, sizes, set(), 64)
    assert plan.nbytes < 0.2 * sum(sizes)
    owner: dict[int, int] = {}  # 64 bytes of the arena -> the temporary that wrote them last
    for each in calls:
        for number in each.reads:
            for place in range(plan.offsets[number], plan.offsets[number] + sizes[number], 64):
                assert owner[place] == number
        for number in each.writes:
            for place in range(plan.offsets[number], plan.offsets[number] + sizes[number], 64):
                owner[place] = number


def test_a_step_that_is_dropped_gives_its_memory_back() -> None:
    device = Device(open_device("numpy").backend)
    step = small_step(device)
    for _ in range(3):
        take(step)
    assert step.captured.summary is not None
    assert device.memory.stats.live > step.captured.summary.arena
    del step
    device._constants.clear()
    assert device.memory.stats.live == 0  # at once: no cycle waits for the collector

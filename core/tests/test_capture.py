"""Capture and replay on small steps: what comes out is what would have come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rinzler.capture import Captured
from rinzler.errors import CaptureError, ShapeError
from rinzler.ops import Array, Device, call
from rinzler.planner import one_by_one

pytestmark = pytest.mark.usefixtures("fused")


def test_the_third_call_and_all_later_ones_are_replayed(device: Device, walk_on: Any) -> None:
    walk = walk_on(device)
    for number in range(6):
        walk.take(number)
    assert walk.runs == 2
    eager = walk_on(device, eager=True)
    for number in range(6):
        eager.take(number)
    assert eager.runs == 6


def test_replays_are_eager_steps_to_the_bit_and_lose_no_update(
    device: Device, walk_on: Any
) -> None:
    captured, eager = walk_on(device), walk_on(device, eager=True)
    for number in range(2 + 5):
        for got, expected in zip(captured.take(number), eager.take(number), strict=True):
            np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(captured.w.numpy(), eager.w.numpy())


def test_results_belong_to_the_caller(device: Device, walk_on: Any) -> None:
    walk = walk_on(device)
    for number in range(2):
        walk.take(number)
    first = walk.take(2)
    before = [values.copy() for values in first]
    for values in walk.take(3):
        values[...] = np.nan
    walk.take(4)
    for values, expected in zip(first, before, strict=True):
        np.testing.assert_array_equal(values, expected)


def test_a_naive_plan_gives_the_same_bits(device: Device, walk_on: Any) -> None:
    reused, naive = walk_on(device), walk_on(device, planner=one_by_one)
    for number in range(5):
        for got, expected in zip(reused.take(number), naive.take(number), strict=True):
            np.testing.assert_array_equal(got, expected)
    assert reused.step.summary is not None
    assert naive.step.summary is not None
    assert naive.step.summary.arena == naive.step.summary.unplanned == 3 * 448 + 64
    assert reused.step.summary.arena == 448 + 64  # in place, but for the sums
    assert reused.step.summary.calls == 5


def test_views_into_temporaries_and_updates_of_them(device: Device) -> None:
    x = device.array(np.arange(48.0).reshape(6, 8))

    def compute() -> list[Array]:
        y = call("exp", call("mul", x, device.constant(0.01, "float64")))
        parts = [y.reshape((48,)).part(8 * row, (2, 4)) for row in (0, 3)]
        sums = device.full((2, 4), 0.0, "float64")
        for part in parts:
            call("add", sums, part, out=sums)
        # The same memory twice, through two views: nothing may be written over it.
        scaled = call("mul", y.reshape((48,)), y.reshape((48,)).part(0, ()))
        return [sums, scaled]

    captured, eager = Captured(compute, device), Captured(compute, device, eager=True)
    for number in range(5):
        x.upload(np.random.default_rng(number).normal(size=(6, 8)))
        for got, expected in zip(captured(), eager(), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_result_may_be_a_view_or_have_no_elements(device: Device) -> None:
    x = device.array(np.arange(6.0))

    def compute() -> list[Array]:
        y = call("mul", x, x)
        return [y.part(2, (2,)), call("exp", device.empty((0, 3), "float64")), x.reshape((2, 3))]

    step = Captured(compute, device)
    for number in range(4):
        x.upload(np.arange(6.0) + number)
        part, nothing, same = step()
        np.testing.assert_array_equal(part, (np.arange(2.0, 4.0) + number) ** 2)
        assert nothing.shape == (0, 3)
        np.testing.assert_array_equal(same, np.arange(6.0).reshape(2, 3) + number)


def test_two_steps_on_one_device_share_what_they_hold(device: Device) -> None:
    x = device.array(np.ones(5))
    up = Captured(lambda: [call("add", x, x, out=x)], device)
    square = Captured(lambda: [call("mul", x, x)], device)
    expected = np.ones(5)
    for _ in range(4):
        (doubled,), (squared,) = up(), square()
        expected = expected + expected
        np.testing.assert_array_equal(doubled, expected)
        np.testing.assert_array_equal(squared, expected * expected)


def test_constants_of_a_tape_outlive_the_device_s_memory_of_them(device: Device) -> None:
    x = device.array(np.ones(5))
    step = Captured(lambda: [call("mul", x, device.constant(0.25, "float64"))], device)
    for _ in range(2):
        step()
        device._constants.clear()
        for number in range(50):
            device.constant(float(number), "float64")
    np.testing.assert_array_equal(step()[0], np.full(5, 0.25))


def test_the_arena_goes_back_with_the_step(device: Device, walk_on: Any) -> None:
    walk = walk_on(device)
    live = device.memory.stats.live
    for number in range(3):
        walk.take(number)
    assert walk.step.summary is not None
    assert device.memory.stats.live == live + walk.step.summary.arena
    assert device.memory.stats.idle == 0  # what the two recordings needed made room for it
    walk.step._bound = None
    assert device.memory.stats.live == live


def test_an_error_in_the_step_leaves_the_device_as_it_was(device: Device) -> None:
    x = device.array(np.ones(5))
    fails = iter([False, True, False, False, False])

    def compute() -> list[Array]:
        y = call("add", x, x)
        if next(fails):
            raise ValueError("in the middle")
        return [y]

    step = Captured(compute, device)
    step()
    with pytest.raises(ValueError, match="in the middle"):
        step()
    assert device.recorder is None
    assert call("add", x, x).numpy().tolist() == [2.0] * 5
    for _ in range(4):  # recorded twice again, then replayed: compute would run out of numbers
        assert step()[0].tolist() == [2.0] * 5
    assert next(fails) is False


def test_check_every_finds_a_branch_that_flips_late(device: Device) -> None:
    x = device.array(np.ones(5))
    late: list[bool] = []

    def compute() -> list[Array]:
        return [call("exp" if late else "tanh", x)]

    careless, careful = Captured(compute, device), Captured(compute, device, check_every=4)
    for step in (careless, careful):
        for _ in range(5):
            step()
    late.append(True)
    for _ in range(3):
        careless()
    careful()
    careful()
    with pytest.raises(
        CaptureError, match=r"call 1 was tanh at test_capture.py:\d+ and became exp"
    ):
        careful()
    for _ in range(3):  # from then on it is what it is now
        np.testing.assert_array_equal(careful()[0], np.exp(np.ones(5)))


# --- ids --------------------------------------------------------------------------------------


def looked_up(device: Device, moved: bool) -> tuple[Captured, Array]:
    ids = device.array(np.zeros((2, 3), np.int32))
    table = device.array(np.arange(12.0).reshape(4, 3))

    def compute() -> list[Array]:
        rows = call("permute", ids, axes=(1, 0)) if moved else ids
        return [call("take_rows", table, rows)]

    return Captured(compute, device, {"ids": ids}), table


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("bad", [4, -1])
def test_ids_are_checked_when_they_are_replayed(device: Device, moved: bool, bad: int) -> None:
    step, table = looked_up(device, moved)
    rng = np.random.default_rng(0)
    for _ in range(4):
        host = rng.integers(0, 4, (2, 3)).astype(np.int32)
        step.feed({"ids": host})
        (got,) = step()
        np.testing.assert_array_equal(got, table.numpy()[host.T if moved else host])
    step.feed({"ids": np.array([[0, 1, 2], [3, bad, 0]], np.int32)})
    with pytest.raises(ShapeError, match=r"ids from -?\d to \d, expected 0 to 3"):
        step()
    step.feed({"ids": np.full((2, 3), 3, np.int32)})
    assert step()[0].tolist() == [[[9.0, 10.0, 11.0]] * (2 if moved else 3)] * (3 if moved else 2)

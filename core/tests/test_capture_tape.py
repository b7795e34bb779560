"""The tape as a backend sees it: bound calls, host calls, and what `compile` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from null import Null

from rinzler.capture import Captured
from rinzler.conformance.altered import Altered
from rinzler.ops import Array, Backend, Device, call
from rinzler.ops.random import random_uniform
from rinzler.ops.tape import Tape, looped
from rinzler.philox import Key, Stream

pytestmark = pytest.mark.usefixtures("fused")


# --- what runs on the host --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_made_on_the_host_come_anew_in_each_replay(device: Device, dtype: str) -> None:
    device = Device(Altered(device.backend, without={"random_uniform"}))
    key = device.array(Key(1, Stream.DROPOUT).words())

    def compute() -> list[Array]:
        y = random_uniform(key, (3, 5), dtype, site=2)
        return [call("mul", y, y), y]

    step = Captured(compute, device, {"key": key})
    seen = set()
    for number in range(5):
        words = Key(1, Stream.DROPOUT, step=number).words()
        step.feed({"key": words})
        squares, numbers = step()
        expected = random_uniform(device.array(words), (3, 5), dtype, site=2).numpy()
        np.testing.assert_array_equal(numbers, expected)
        np.testing.assert_array_equal(squares, expected * expected)
        seen.add(numbers.tobytes())
    assert len(seen) == 5
    assert step._bound is not None
    assert [each.host for each in step._bound.tape] == [True, False]


# --- a backend that knows better --------------------------------------------------------------


class Compiling(Altered):
    """A backend that takes tapes, and counts what it runs."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.tapes: list[Tape] = []
        self.runs = 0

    def compile(self, tape: Tape) -> Callable[[], None] | None:
        self.tapes.append(tape)
        loop = looped(tape)

        def run() -> None:
            self.runs += 1
            loop()

        return run


def test_a_backend_may_compile_the_tape(device: Device, walk_on: Any) -> None:
    backend = Compiling(device.backend)
    compiled, eager = walk_on(Device(backend)), walk_on(device, eager=True)
    for number in range(6):
        for got, expected in zip(compiled.take(number), eager.take(number), strict=True):
            np.testing.assert_array_equal(got, expected)
    assert (len(backend.tapes), backend.runs) == (1, 4)


def test_what_a_backend_sees_of_a_tape(device: Device, walk_on: Any) -> None:
    backend = Compiling(device.backend)
    walk = walk_on(Device(backend))
    for number in range(2):
        walk.take(number)
    (tape,) = backend.tapes
    assert [each.op for each in tape] == ["matmul", "tanh", "mul", "add", "sum_rows"]
    matmul, tanh, mul, add, sum_rows = tape
    assert matmul.attrs == {"ta": False, "tb": False, "accumulate": False}
    assert matmul.kernel is backend.kernels["matmul"]
    x, w = matmul.reads
    assert (x.buffer, x.offset, x.nbytes) == (walk.x.block.serial, 0, 7 * 7 * 8)
    assert w.buffer == walk.w.block.serial
    (arena,) = matmul.writes
    assert arena.buffer not in (x.buffer, w.buffer)
    assert tanh.reads == tanh.writes == (arena,)  # in place
    assert mul.reads == (arena, x)
    assert (add.writes, add.reads) == ((w,), (w, arena))
    assert sum_rows.writes[0].buffer == arena.buffer
    assert sum_rows.writes[0].offset >= arena.nbytes
    assert matmul.ins[0] is mul.ins[1]  # one handle for one place
    before = walk.w.numpy()
    add.kernel(*add.outs, *add.ins, **add.attrs)
    np.testing.assert_array_equal(walk.w.numpy(), before + add.ins[1])


def test_what_an_update_reads_is_told() -> None:
    backend = Null()
    device = Device(backend)
    rows, g, x = (device.array(np.ones(shape)) for shape in ((3, 2), (3, 2), (3, 5)))
    ids = device.array(np.array([4, 0, 4], np.int32))
    table = device.full((5, 2), 0.0, "float64")

    def compute() -> list[Array]:
        call("add_rows", ids, rows, out=table)
        call("matmul", x, g, ta=True, tb=False, accumulate=True, out=table)
        call("matmul", x, g, ta=True, tb=False, accumulate=False, out=table)
        return []

    step = Captured(compute, device)
    for _ in range(3):
        assert step() == ()
    updated, accumulated, overwritten = backend.tapes[0]
    for each, is_read in ((updated, True), (accumulated, True), (overwritten, False)):
        assert [extent.buffer for extent in each.writes] == [table.block.serial]
        assert (table.block.serial in {extent.buffer for extent in each.reads}) is is_read

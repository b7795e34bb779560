"""The scratch pool and the blocks: one pool per thread, memory kept, every row once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rinzler_numpy.activation import gelu
from rinzler_numpy.scratch import BLOCK, Scratch, row_blocks

F32 = np.dtype("float32")
F64 = np.dtype("float64")


def address(x: np.ndarray) -> int:
    return x.ctypes.data


def in_another_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_a_slot_keeps_its_memory_and_grows_to_the_largest_use() -> None:
    scratch = Scratch()
    large = scratch(0, (100, 10), F64)
    small = scratch(0, (3,), F32)
    assert address(small) == address(large)
    assert small.shape == (3,)
    assert small.dtype == F32
    assert address(scratch(0, (1000,), F64)) == address(large)
    larger = scratch(0, (1001,), F64)
    assert larger.nbytes == 8008
    assert address(scratch(0, (2,), F64)) == address(larger)


def test_slots_do_not_overlap() -> None:
    scratch = Scratch()
    first, second = scratch(0, (1000,), F32), scratch(1, (1000,), F32)
    assert not np.shares_memory(first, second)


def test_each_thread_has_its_own_pool() -> None:
    scratch = Scratch()
    mine = scratch(0, (1000,), F32)
    mine.fill(1.0)
    theirs: list[np.ndarray] = []

    def work() -> None:
        theirs.append(scratch(0, (1000,), F32))
        theirs[0].fill(2.0)

    in_another_thread(work)
    assert not np.shares_memory(mine, theirs[0])
    assert (mine == 1.0).all()
    assert address(scratch(0, (1000,), F32)) == address(mine)


def test_kernels_of_two_threads_do_not_disturb_each_other(rng: np.random.Generator) -> None:
    """With one pool for all, both would write their tanh into the same block."""
    inputs = [rng.standard_normal(BLOCK).astype("float32") for _ in range(2)]
    expected = [np.empty_like(x) for x in inputs]
    for y, x in zip(expected, inputs, strict=True):
        gelu(y, x)
    together = threading.Barrier(2, timeout=60)
    wrong: list[int] = []

    def work(index: int) -> None:
        y = np.empty_like(inputs[index])
        together.wait()
        for attempt in range(20):
            gelu(y, inputs[index])
            if not np.array_equal(y, expected[index]):
                wrong.append(attempt)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert wrong == []


@given(
    rows=st.integers(1, 3000),
    width=st.sampled_from([1, 7, 64, 1000, 40_000]),
    nbytes=st.integers(1, 2 * BLOCK),
)
def test_blocks_cover_every_row_once_and_keep_to_their_size(
    rows: int, width: int, nbytes: int
) -> None:
    x = np.ndarray((rows, width), F32, np.empty(4, np.uint8), strides=(0, 0))  # as large as it says
    blocks = list(row_blocks(x, nbytes))
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(rows))
    for block in blocks:
        count = block.stop - block.start
        assert count == 1 or count * width * 4 <= nbytes

"""The launcher: every block once, in whatever number of threads; a row after the one before it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from rinzler_numba import launcher
from rinzler_numba.compiling import KERNELS, Kernel, Launch
from rinzler_numba.launcher import Program, planned, run
from rinzler_numba.memory import Buffer, Memory
from rinzler_numba.native import fetch_add, floats
from rinzler_numba.threads import pool


@pytest.fixture(scope="module")
def count_blocks() -> Kernel:
    def _counted(args, block, blocks):
        fetch_add(args[0] + 8 * block, 1)

    return Kernel(_counted)


@pytest.fixture(scope="module")
def sum_neighbours() -> Kernel:
    """y[i] = x[i] + x[i + 1], around the ring: every block reads what another one wrote."""

    def _neighbours(args, block, blocks):
        y, x = floats(args[0], blocks), floats(args[1], blocks)
        y[block] = x[block] * np.float32(0.5) + x[(block + 1) % blocks]

    return Kernel(_neighbours)


@pytest.fixture(scope="module", autouse=True)
def registry() -> Iterator[None]:
    known = dict(KERNELS)
    yield
    KERNELS.clear()
    KERNELS.update(known)


@pytest.fixture(params=sorted({1, 2, pool.most}))
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Workers at a time; more than numba has threads are run one after the other."""
    monkeypatch.setattr(pool, "count", request.param)
    if pool.layer == "":
        pool.start()
    return request.param


def test_workers_that_would_only_wait_are_not_called(count_blocks: Kernel) -> None:
    counts = np.zeros(64, np.int64)

    def workers(*blocks: int) -> int:
        return Program([count_blocks(counts.ctypes.data, blocks=n) for n in blocks]).workers

    assert workers(64) == 64
    assert workers(1, 1, 1, 7, 1) == 7  # 11 blocks in 5 launches
    assert workers(1, 1, 1, 4, 1) == 1
    assert workers(1) == 1


@pytest.mark.parametrize("blocks", [1, 2, 3, 64, 1001])
def test_every_block_runs_once(threads: int, blocks: int, count_blocks: Kernel) -> None:
    counts = np.zeros(blocks + 1, np.int64)
    program = Program([count_blocks(counts.ctypes.data, blocks=blocks)])
    for times in (1, 2, 3):
        program.run()
        assert counts.tolist() == [times] * blocks + [0]


def ring(sum_neighbours: Kernel, blocks: int, rows: int) -> tuple[list[Launch], list[Memory]]:
    """Launches that go back and forth between two arrays."""
    arrays = [Memory(Buffer(4 * blocks), 0, (blocks,), "float32") for _ in range(2)]
    arrays[0].array()[:] = np.arange(blocks) % 7
    launches = [
        sum_neighbours(arrays[(row + 1) % 2], arrays[row % 2], blocks=blocks) for row in range(rows)
    ]
    return launches, arrays


def expected_ring(blocks: int, rows: int) -> np.ndarray:
    x = (np.arange(blocks) % 7).astype(np.float32)
    for _ in range(rows):
        x = x * np.float32(0.5) + np.roll(x, -1)
    return x


@pytest.mark.parametrize(("blocks", "rows"), [(1, 3), (2, 2000), (5, 2001), (64, 500)])
def test_a_row_begins_when_the_one_before_is_done(
    threads: int, blocks: int, rows: int, sum_neighbours: Kernel
) -> None:
    launches, arrays = ring(sum_neighbours, blocks, rows)
    for row in range(0, rows, 40):  # in between, powers of 1.5 would overflow
        part = launches[row : row + 40]
        start = arrays[row % 2].array().copy()
        Program(part).run()
        x = start
        for _ in part:
            x = x * np.float32(0.5) + np.roll(x, -1)
        result = arrays[(row + len(part)) % 2].array()
        np.testing.assert_array_equal(result, x)
        result /= np.maximum(1, np.abs(result).max())


def test_two_python_threads_may_run_one_program(threads: int, sum_neighbours: Kernel) -> None:
    """A recorded step that is replayed twice at once: one replay after the other."""
    launches, arrays = ring(sum_neighbours, 64, 10)
    program = Program(launches)
    crowd = [threading.Thread(target=lambda: [program.run() for _ in range(50)]) for _ in range(2)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    assert not any(thread.is_alive() for thread in crowd)
    arrays[0].array()[:] = np.arange(64) % 7
    program.run()
    np.testing.assert_array_equal(arrays[0].array(), expected_ring(64, 10))


def test_nothing_to_run(threads: int) -> None:
    Program([]).run()
    run()


def test_scratch_lives_as_long_as_its_launch(count_blocks: Kernel) -> None:
    launch = count_blocks(0, blocks=1, kept=(scratch := np.zeros(1, np.int64)))
    assert launch.kept is scratch
    assert Program([launch]).launches == (launch,)


def test_a_planned_op_can_be_run_and_be_recorded(threads: int, count_blocks: Kernel) -> None:
    counts = np.zeros(4, np.int64)

    @planned
    def counted(address: int, *, blocks: int) -> list[Launch]:
        """Count."""
        return [count_blocks(address, blocks=blocks)] * 2

    counted(counts.ctypes.data, blocks=4)
    assert counts.tolist() == [2] * 4
    launches = counted.plan(counts.ctypes.data, blocks=3)
    assert counts.tolist() == [2] * 4  # planned, not run
    Program(launches).run()
    assert counts.tolist() == [4, 4, 4, 2]
    assert (counted.__name__, counted.__doc__) == ("counted", "Count.")


def test_the_launchers_are_in_the_table_of_kernels() -> None:
    assert KERNELS[launcher.ALONE.name] is launcher.ALONE
    assert KERNELS[launcher.TOGETHER.name] is launcher.TOGETHER

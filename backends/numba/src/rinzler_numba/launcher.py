"""Running kernels on all cores: one parallel function for all of them.

A table holds a row per launch: (address of the kernel, address of its args, blocks, blocks taken,
blocks done). Every worker walks the whole table. In each row it takes one block after another from
a shared counter until none is left, waits until all of them are done, and goes on to the next row.
So one parallel region carries an op as well as a recorded training step of a hundred launches, and
the time to start threads is paid once.

No worker waits for another worker, only for blocks that some worker has begun. A table is therefore
finished by any number of threads, also by one that runs the workers one after the other; nothing
here can deadlock, whatever threading layer numba found.

Which worker computes a block is chance; what a block computes is not, and sums over blocks are
taken in the order of the blocks. So results depend on neither the number of threads nor their luck.
Read next: `threads.py`.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import carray, prange, types
from numba.extending import register_jitable

from rinzler_numba.compiling import Kernel, Launch
from rinzler_numba.native import fetch, fetch_add, invoke, pause, pointer
from rinzler_numba.threads import pool

WIDTH = 8  # int64 per row: a cache line, so that workers at two rows do not disturb each other
BYTES = 8 * WIDTH
TAKEN, DONE = 24, 32  # bytes into a row
SIGNATURE = types.void(types.int64, types.int64, types.int64)
# Called through ctypes, which lets other Python threads run meanwhile.
PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


@register_jitable
def work(table: int, rows: int) -> None:
    """What one worker does."""
    for row in range(rows):
        place = table + row * BYTES
        entry = carray(pointer(place), (WIDTH,), np.int64)
        kernel, args, blocks = entry[0], entry[1], entry[2]
        finished = 0
        while True:
            block = fetch_add(place + TAKEN, 1)
            if block >= blocks:
                break
            invoke(kernel, args, block, blocks)
            finished += 1
        if finished:
            fetch_add(place + DONE, finished)
        while fetch(place + DONE) < blocks:
            pause()


@register_jitable
def reset(table: int, rows: int) -> None:
    """Nothing taken, nothing done."""
    for row in range(rows):
        entry = carray(pointer(table + row * BYTES), (WIDTH,), np.int64)
        entry[3] = 0
        entry[4] = 0


def _run_alone(table: int, rows: int, workers: int) -> None:
    reset(table, rows)
    work(table, rows)


def _run_together(table: int, rows: int, workers: int) -> None:
    reset(table, rows)
    for _ in prange(workers):
        work(table, rows)


ALONE = Kernel(_run_alone, SIGNATURE)
TOGETHER = Kernel(_run_together, SIGNATURE, parallel=True)


@cache
def entry(launcher: Kernel) -> Callable[[int, int, int], None]:
    """A launcher's machine code as a Python function of (table, rows, workers)."""
    return PROTOTYPE(launcher.compile())


class Program:
    """Launches in order, ready to run any number of times."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self.launches = tuple(launches)  # keeps args and scratch
        self.rows = len(self.launches)
        self.table = array("q")
        for launch in self.launches:
            args, _ = launch.args.buffer_info()
            self.table.extend((launch.address, args, launch.blocks, 0, 0, 0, 0, 0))
        blocks = [launch.blocks for launch in self.launches]
        # Where most launches are one block, as for a single row, more workers would only wait.
        self.workers = max(blocks, default=0) if sum(blocks) >= 2 * self.rows else 1

    def run(self) -> None:
        """Run all, each after the one before."""
        table, _ = self.table.buffer_info()
        workers = min(pool.count, self.workers)
        if workers <= 1 and self.rows == 1:  # nobody else has this table
            entry(ALONE)(table, 1, 1)
            return
        if workers <= 1:  # two Python threads may run a recorded step
            with pool.lock:
                entry(ALONE)(table, self.rows, 1)
            return
        run_together = entry(TOGETHER)
        with pool.lock:
            run_together(table, self.rows, workers)


def run(*launches: Launch) -> None:
    """Run some launches now, in order."""
    Program(launches).run()


def planned(plan: Any) -> Any:
    """Make an op's kernel of a function that returns its launches.

    Called, it runs them; `.plan` gives the launches themselves, for a recorded step.
    """

    def call(*operands: Any, **attrs: Any) -> None:
        run(*plan(*operands, **attrs))

    call.plan = plan  # type: ignore[attr-defined]
    call.__name__ = plan.__name__
    call.__doc__ = plan.__doc__
    return call

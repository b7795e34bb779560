"""The cores of this machine, each taking the next block of a kernel's work.

OpenBLAS has threads of its own, but they wait for each other by spinning: while another program
runs, a small product takes five to thirty times as long (`benchmarks/LOG.md`). So BLAS is held to
one thread, and blocks of rows go to a pool; numpy releases the interpreter's lock inside them.

How work is cut depends on shapes alone, never on the number of threads, and no two blocks write to
the same place: results have the same bits on one core and on eight. Read next: `scratch.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

# Floating-point operations from which a product is worth 2, 4, 8, … blocks: a block takes a moment
# to hand over, and BLAS rearranges b anew for every one of them.
WORTH = (4e6, 250e6, 1e9, 4e9)
TILE = 16  # rows or columns that the kernels of BLAS work on at one time
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")  # a user who sets these means us too


def usable_cores() -> int:
    """What the environment asks for, else the cores that this process may run on."""
    for name in VARIABLES:
        if os.environ.get(name, "").isdigit():
            return max(1, int(os.environ[name]))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """A pool that starts with its first use, and again in a forked child."""

    def __init__(self) -> None:
        self.count = usable_cores()
        self.pool: ThreadPoolExecutor | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Threads do not survive a fork: start anew with the next use."""
        self.pool = None

    def resize(self, count: int) -> None:
        if self.pool is not None:
            self.pool.shutdown()
        self.pool = None
        self.count = count

    def each(self, work: Callable[[Any], object], blocks: Iterable[Any]) -> None:
        """work(block) for every block, in no particular order; raises what a block raised."""
        todo = list(blocks)
        if self.count == 1 or len(todo) == 1:
            for block in todo:
                work(block)
            return
        if self.pool is None:
            self.pool = ThreadPoolExecutor(self.count - 1, "rinzler-numpy")
        queue = iter(todo)  # next() on it is atomic, so threads may share it

        def drain() -> None:
            with np.errstate(all="ignore"):  # numpy keeps this for each thread
                for block in queue:
                    work(block)

        helpers = [self.pool.submit(drain) for _ in range(min(self.count, len(todo)) - 1)]
        try:
            drain()
        finally:
            for helper in helpers:
                if not helper.cancel():  # not begun yet: then there is nothing left for it
                    helper.result()


workers = Workers()


def hold_blas_to_one_thread() -> None:
    """For the whole process: a BLAS has one setting, not one for each caller."""
    ThreadpoolController().select(user_api="blas").limit(limits=1)


def cuts(length: int, count: int) -> list[slice]:
    """At most `count` slices of about the same size, in whole tiles of BLAS's kernels."""
    step = -(-length // count)
    step = -(-step // TILE) * TILE
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a @ b, (M, K) @ (K, N), in blocks of its longer side; or a batch of such products."""
    flops = 2 * out.size * a.shape[-1]
    count = 2 ** sum(flops >= worth for worth in WORTH)
    if out.ndim == 3:
        step = -(-len(out) // count)
        some = [slice(start, start + step) for start in range(0, len(out), step)]
        workers.each(lambda k: np.matmul(a[k], b[k], out=out[k]), some)
    elif out.shape[0] >= out.shape[1]:
        rows = cuts(out.shape[0], count)
        workers.each(lambda k: np.matmul(a[k], b, out=out[k]), rows)
    else:
        columns = cuts(out.shape[1], count)
        workers.each(lambda k: np.matmul(a, b[:, k], out=out[:, k]), columns)

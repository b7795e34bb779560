"""What this machine's cores can do at most: float32 matrix products, and copies.

One thread for each core, each with a product of its own, so OpenBLAS must have been started with
one thread (`OPENBLAS_NUM_THREADS=1`): its own threads would only measure how well it spreads work.
Prints one line of JSON. Read next: `../ops.py`.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import machine
import numpy as np
from contenders.worker import blas_libraries

SIDE = 512  # of the square matrices: 3 ms on a fast core, less than a neighbour takes it for
COPIED = 8 << 20  # float32 in a copy: 32 MB to 32 MB, beyond any cache of its own
BUDGET_S = 2.5  # for each of the two


def main() -> None:
    """Measure and answer."""
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        raise SystemExit("contenders/peak.py needs OPENBLAS_NUM_THREADS=1 in its environment")
    answer = {
        "flops": 2 * SIDE**3 * together(product),  # per second
        "bytes": 2 * 4 * COPIED * together(copying),  # per second, read and written
        "blas": blas_libraries(),
    }
    print(json.dumps(answer))


def together(make: Callable[[], Callable[[], Any]]) -> float:
    """How often a second all cores do a task while all are at it; each core by its best round."""
    cores = machine.usable_cores()
    with ThreadPoolExecutor(cores) as pool:
        least = list(pool.map(best, [make() for _ in range(cores)]))
    return sum(1 / seconds for seconds in least)


def best(task: Callable[[], Any]) -> float:
    """The least seconds that the task took."""
    least, end = math.inf, time.perf_counter() + BUDGET_S
    while time.perf_counter() < end:
        start = time.perf_counter()
        task()
        least = min(least, time.perf_counter() - start)
    return least


def product() -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(2))
    out = np.empty((SIDE, SIDE), np.float32)
    return lambda: np.matmul(a, b, out=out)


def copying() -> Callable[[], Any]:
    source, target = np.ones(COPIED, np.float32), np.empty(COPIED, np.float32)
    return lambda: np.copyto(target, source)


if __name__ == "__main__":
    main()

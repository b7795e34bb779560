"""Single kernels on a device: products, from what size on it beats a CPU, and memory bandwidth.

Several calls are under way before anybody waits, as in a training step, and the least time of a few
rounds counts. Where a driver computes on the CPU, the CPU time of all its threads is the measure.
Read next: `../gpu.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rinzler.autograd import copy
from rinzler.ops import Array, Device, call
from rinzler.ops.update import HYPER

ROUND_S = 0.3  # of calls in one round
ROUNDS = 3
PLAIN = {"ta": False, "tb": False, "accumulate": False}
COPIED = "copied"  # beside the time of a product: with its operands sent and its result fetched


def least(device: Device, work: Callable[[], Any]) -> tuple[float, float]:
    """(wall seconds, CPU seconds of the process) of one call, at their least."""
    work()
    device.synchronize()
    start = time.perf_counter()
    work()
    device.synchronize()
    once = max(time.perf_counter() - start, 1e-6)
    count = max(1, min(200, math.ceil(ROUND_S / once)))
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            work()
        device.synchronize()
        walls.append((time.perf_counter() - wall) / count)
        cpus.append((time.process_time() - cpu) / count)
    return min(walls), min(cpus)


def gemm(device: Device, n: int) -> dict[str, float]:
    """A float32 product of n × n matrices: per second of the wall, and per second of a core."""
    a, b, y = (device.array(normal(n, n)) for _ in range(3))
    wall, cpu = least(device, lambda: call("matmul", a, b, out=y, **PLAIN))
    flops = 2 * n**3
    return {"n": n, "ms": wall * 1e3, "gflops": flops / wall / 1e9, "core": flops / cpu / 1e9}


def products(device: Device, sizes: list[int]) -> list[dict[str, float]]:
    """Milliseconds of n × n products, on arrays that are there and on arrays from the host."""
    rows = []
    for n in sizes:
        hosts = normal(n, n), normal(n, n)
        a, b = (device.array(host) for host in hosts)
        y = device.empty((n, n), "float32")

        def there(a: Array = a, b: Array = b, y: Array = y) -> None:
            call("matmul", a, b, out=y, **PLAIN)

        def copied(a: Array = a, b: Array = b, y: Array = y, hosts: Any = hosts) -> None:
            a.upload(hosts[0])
            b.upload(hosts[1])
            call("matmul", a, b, out=y, **PLAIN)
            y.numpy()

        row = {"n": n, "ms": least(device, there)[0] * 1e3}
        rows.append(row | {COPIED: least(device, copied)[0] * 1e3})
    return rows


def bandwidth(device: Device, mib: int) -> dict[str, dict[str, float]]:
    """GB/s of a copy, of layer norm and of AdamW, over arrays of so many MiB each."""
    size = mib << 18  # float32 in an array
    width = 768
    rows = size // width
    x = device.array(normal(rows, width))
    y = device.empty(x.shape, "float32")
    w, bias = (device.full((width,), 0.5, "float32") for _ in range(2))
    wall, _ = least(device, lambda: copy(x, out=y))
    found = {"copy": of(2 * x.size * 4, wall)}
    wall, _ = least(device, lambda: call("layer_norm", x, w, bias, eps=1e-5))
    found["layer_norm"] = of(2 * x.size * 4, wall)
    p, m, v, g = (device.full((size,), 0.01, "float32") for _ in range(4))
    hyper = device.array(np.array([1e-3, 0.9, 0.99, 1e-8, 0.1, 0.5, 0.5], np.float32))
    assert hyper.shape == (len(HYPER),)
    one = device.constant(1.0, "float32")
    wall, _ = least(device, lambda: call("adamw", g, hyper, one, one, out=(p, m, v)))
    found["adamw"] = of(7 * size * 4, wall)  # g, and p, m, v read and written
    for row in found.values():
        row["share"] = row["gb_s"] / found["copy"]["gb_s"]
    return found


def of(nbytes: int, seconds: float) -> dict[str, float]:
    return {"ms": seconds * 1e3, "gb_s": nbytes / seconds / 1e9}


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape[0]).standard_normal(shape, np.float32)

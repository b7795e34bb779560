"""AdamW over flat buffers: one pass over parameters, moments and gradients.

The formula: `rinzler.ops.update`. Seven numbers of memory traffic per parameter are what it costs;
the arithmetic hides behind them. Read next: `random.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rinzler_numba.apart import load, plus, store
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import share
from rinzler_numba.vector import f4

LANES = 16  # parts begin at whole cache lines


@kernel
def _adamw(args: Any, block: int, blocks: int) -> None:
    p, m, v, g, hyper, scale, ok = args[0], args[1], args[2], args[3], args[4], args[5], args[6]
    if load(ok, 0) == f4(0.0):
        return
    lr, beta1, beta2, eps = load(hyper, 0), load(hyper, 1), load(hyper, 2), load(hyper, 3)
    decay, correction1, correction2 = load(hyper, 4), load(hyper, 5), load(hyper, 6)
    fresh1, fresh2 = f4(1.0) - beta1, f4(1.0) - beta2
    factor = load(scale, 0)
    start, stop = share(args[7], block, blocks, LANES)
    for i in range(start, stop):
        slope = load(g, i) * factor
        mean = plus(beta1 * load(m, i), fresh1 * slope)
        square = plus(beta2 * load(v, i), fresh2 * (slope * slope))
        step = (mean / correction1) / (np.sqrt(square / correction2) + eps)
        weight = load(p, i)
        store(m, i, mean)
        store(v, i, square)
        store(p, i, weight - lr * (step + decay * weight))


@planned
def adamw(
    p: Memory, m: Memory, v: Memory, g: Memory, hyper: Memory, scale: Memory, ok: Memory
) -> list[Launch]:
    return [_adamw(p, m, v, g, hyper, scale, ok, p.size, blocks=pieces(p.size, 2))]


KERNELS = {"adamw": adamw}

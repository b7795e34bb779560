"""GELU, forward and backward. The formulas: `rinzler.ops.activation`.

tanh goes through one exponential and one division: ½(1 + tanh u) = 1/(1 + e^(−2u)) = σ(2u).
ReLU has no curve and stands in `elementwise.py`. Read next: `normalization.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from rinzler_numba.apart import load, store
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import share
from rinzler_numba.vector import exp, f4

LANES = 16  # parts begin at whole cache lines
TWO_ROOT = f4(2.0 * 0.7978845608028654)  # 2·√(2/π)
CUBIC = f4(0.044715)
THREE_CUBIC = f4(3 * 0.044715)
ONE = f4(1.0)
FLAT = f4(400.0)  # from x² = 400 on both σ and its slope have reached their ends


@register_jitable
def gelu_of(x: np.float32) -> np.float32:
    """x·σ(2u), u = √(2/π)·(x + 0.044715·x³)."""
    twice_u = TWO_ROOT * x * (ONE + CUBIC * x * x)
    return x / (ONE + exp(-twice_u))


@register_jitable
def gelu_slope(x: np.float32) -> np.float32:
    """σ(2u) + x·σ(2u)·(1 − σ(2u))·d(2u)/dx; x² is limited so that 0·inf cannot come up."""
    square = min(x * x, FLAT)
    sigma = ONE / (ONE + exp(-(TWO_ROOT * x * (ONE + CUBIC * square))))
    steepness = TWO_ROOT * (ONE + THREE_CUBIC * square)
    return sigma + x * sigma * (ONE - sigma) * steepness


@kernel
def _gelu(args: Any, block: int, blocks: int) -> None:
    y, x = args[0], args[1]
    start, stop = share(args[2], block, blocks, LANES)
    for i in range(start, stop):
        store(y, i, gelu_of(load(x, i)))


@planned
def gelu(y: Memory, x: Memory) -> list[Launch]:
    return [_gelu(y, x, x.size, blocks=pieces(x.size, 2))]


@kernel
def _gelu_bwd(args: Any, block: int, blocks: int) -> None:
    dx, x, g = args[0], args[1], args[2]
    start, stop = share(args[3], block, blocks, LANES)
    for i in range(start, stop):
        store(dx, i, load(g, i) * gelu_slope(load(x, i)))


@planned
def gelu_bwd(dx: Memory, x: Memory, g: Memory) -> list[Launch]:
    return [_gelu_bwd(dx, x, g, x.size, blocks=pieces(x.size, 2))]


KERNELS = {"gelu": gelu, "gelu_bwd": gelu_bwd}

"""GELU in its tanh form, forward and backward, a block at a time.

Nine passes each over the same 256 KB. Read next: `normalization.py`; the derivation stands in
`rinzler.ops.activation`.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from rinzler_numpy.scratch import row_blocks, scratch

SCALE = sqrt(2 / pi)
CUBIC = 0.044715


def tanh_of_gelu(t: np.ndarray, x: np.ndarray) -> None:
    """t = tanh(s·(x + c·x³)), as tanh(x·(s + s·c·x²))."""
    np.multiply(x, x, out=t)
    t *= SCALE * CUBIC
    t += SCALE
    t *= x
    np.tanh(t, out=t)


def gelu(y: np.ndarray, x: np.ndarray) -> None:
    x, y = x.reshape(-1), y.reshape(-1)
    for part in row_blocks(x):
        t = scratch(0, x[part].shape, x.dtype)
        tanh_of_gelu(t, x[part])
        t += 1
        t *= x[part]
        np.multiply(t, 0.5, out=y[part])  # ½·x·(1 + t)


def gelu_bwd(dx: np.ndarray, x: np.ndarray, g: np.ndarray) -> None:
    x, g, dx = x.reshape(-1), g.reshape(-1), dx.reshape(-1)
    for part in row_blocks(x):
        t = scratch(0, x[part].shape, x.dtype)
        slope = scratch(1, t.shape, t.dtype)
        bend = scratch(2, t.shape, t.dtype)
        tanh_of_gelu(t, x[part])
        np.multiply(x[part], x[part], out=slope)
        slope *= 3 * SCALE * CUBIC
        slope += SCALE  # of tanh's argument: s·(1 + 3c·x²)
        np.multiply(t, t, out=bend)
        np.subtract(1, bend, out=bend)  # of tanh itself: 1 − t²
        bend *= x[part]
        bend *= slope
        t += 1
        t += bend
        t *= 0.5  # ½·(1 + t) + ½·x·(1 − t²)·s·(1 + 3c·x²)
        np.multiply(t, g[part], out=dx[part])


KERNELS = {"gelu": gelu, "gelu_bwd": gelu_bwd}

"""AdamW over flat buffers, a block at a time. Read next: `backend.py`, where all kernels meet."""

from __future__ import annotations

import numpy as np

from rinzler_numpy.scratch import row_blocks, scratch


def adamw(
    p: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    g: np.ndarray,
    hyper: np.ndarray,
    scale: np.ndarray,
    ok: np.ndarray,
) -> None:
    if ok == 0:
        return
    p, m, v, g = p.reshape(-1), m.reshape(-1), v.reshape(-1), g.reshape(-1)
    for part in row_blocks(p):
        adamw_block(p[part], m[part], v[part], g[part], hyper, scale)


def adamw_block(
    p: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    g: np.ndarray,
    hyper: np.ndarray,
    scale: np.ndarray,
) -> None:
    lr, beta1, beta2, eps, decay, correction1, correction2 = hyper
    scaled = np.multiply(g, scale, out=scratch(0, g.shape, g.dtype))
    term = scratch(1, g.shape, g.dtype)

    m *= beta1
    m += np.multiply(scaled, 1 - beta1, out=term)

    v *= beta2
    np.multiply(scaled, scaled, out=term)
    term *= 1 - beta2
    v += term

    deviation = np.divide(v, correction2, out=term)
    np.sqrt(deviation, out=deviation)
    deviation += eps

    step = np.divide(m, correction1, out=scaled)
    step /= deviation
    step += np.multiply(p, decay, out=term)
    step *= lr
    p -= step


KERNELS = {"adamw": adamw}

"""Row-wise normalizations: softmax, log_softmax and layer_norm, with their backwards.

All of them work through blocks of rows, so that a block is in cache from its first pass to its
last. Sums over short rows go through `np.einsum`: `np.add.reduce` spends as long on starting a row
as on 300 numbers. Read next: `attention.py`; the formulas stand in `rinzler.ops.normalization`.
"""

from __future__ import annotations

import numpy as np

from rinzler_numpy.reduce import column_sums
from rinzler_numpy.scratch import row_blocks, scratch


def softmax(y: np.ndarray, x: np.ndarray) -> None:
    for rows in row_blocks(x):
        p = y[rows]
        np.subtract(x[rows], x[rows].max(axis=1, keepdims=True), out=p)
        np.exp(p, out=p)
        p /= p.sum(axis=1, keepdims=True)


def softmax_bwd(dx: np.ndarray, y: np.ndarray, g: np.ndarray) -> None:
    for rows in row_blocks(y):
        mean = np.einsum("nc,nc->n", g[rows], y[rows])
        centred = scratch(0, y[rows].shape, y.dtype)
        np.subtract(g[rows], mean[:, None], out=centred)
        np.multiply(y[rows], centred, out=dx[rows])


def log_softmax(y: np.ndarray, x: np.ndarray) -> None:
    for rows in row_blocks(x):
        shifted = y[rows]
        np.subtract(x[rows], x[rows].max(axis=1, keepdims=True), out=shifted)
        powers = np.exp(shifted, out=scratch(0, shifted.shape, shifted.dtype))
        shifted -= np.log(powers.sum(axis=1, keepdims=True))


def log_softmax_bwd(dx: np.ndarray, y: np.ndarray, g: np.ndarray) -> None:
    for rows in row_blocks(y):
        p = np.exp(y[rows], out=scratch(0, y[rows].shape, y.dtype))
        p *= g[rows].sum(axis=1, keepdims=True)
        np.subtract(g[rows], p, out=dx[rows])


def layer_norm(
    y: np.ndarray,
    mean: np.ndarray,
    rstd: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None,
    *,
    eps: float,
) -> None:
    width = x.shape[1]
    for rows in row_blocks(x):
        normal = y[rows]
        np.divide(np.einsum("nc->n", x[rows]), width, out=mean[rows])
        np.subtract(x[rows], mean[rows, None], out=normal)
        variance = np.einsum("nc,nc->n", normal, normal) / width
        np.divide(1, np.sqrt(variance + eps), out=rstd[rows])
        normal *= rstd[rows, None]
        normal *= w
        if b is not None:
            normal += b


def layer_norm_bwd(
    dx: np.ndarray,
    dw: np.ndarray | None,
    db: np.ndarray | None,
    x: np.ndarray,
    w: np.ndarray,
    mean: np.ndarray,
    rstd: np.ndarray,
    g: np.ndarray,
) -> None:
    width = x.shape[1]
    for rows in row_blocks(x):
        normal = scratch(0, x[rows].shape, x.dtype)
        np.subtract(x[rows], mean[rows, None], out=normal)
        normal *= rstd[rows, None]
        h = dx[rows]
        if dw is not None:
            dw += column_sums(np.multiply(g[rows], normal, out=h))
        if db is not None:
            db += column_sums(g[rows])
        np.multiply(g[rows], w, out=h)
        mean_h = np.einsum("nc->n", h) / width
        mean_hn = np.einsum("nc,nc->n", h, normal) / width
        h -= mean_h[:, None]
        normal *= mean_hn[:, None]
        h -= normal
        h *= rstd[rows, None]


KERNELS = {
    "softmax": softmax,
    "softmax_bwd": softmax_bwd,
    "log_softmax": log_softmax,
    "log_softmax_bwd": log_softmax_bwd,
    "layer_norm": layer_norm,
    "layer_norm_bwd": layer_norm_bwd,
}

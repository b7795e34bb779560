"""Reductions over the rows and columns of a matrix, and the squared norm.

A running float32 sum of n terms may lose n ulp, so no kernel here adds a long chain one by one:
`np.add.reduce` along a row sums pairwise, and the others sum the sums of short pieces.
`np.einsum` does the pieces: it starts faster than `np.add.reduce`. Read next: `matmul.py`.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

PIECE = 1024  # elements of a flat array that are summed in one go


def sum_rows(y: np.ndarray, x: np.ndarray) -> None:
    np.add.reduce(x, axis=1, out=y)  # (R, C) -> (R,)


def max_rows(y: np.ndarray, x: np.ndarray) -> None:
    np.maximum.reduce(x, axis=1, out=y)  # (R, C) -> (R,); NaN where the row holds one


def column_sums(x: np.ndarray) -> np.ndarray:
    """Σ over the rows, (R, C) -> (C,): in √R groups of √R rows or a few more."""
    rows, cols = x.shape
    groups = isqrt(rows)
    even = rows - rows % groups
    sums = np.einsum("grc->gc", x[:even].reshape(groups, -1, cols))  # (R, C) -> (√R, C)
    return np.einsum("gc->c", sums) + np.einsum("rc->c", x[even:])


def sum_cols(y: np.ndarray, x: np.ndarray) -> None:
    np.copyto(y, column_sums(x))


def sumsq(y: np.ndarray, x: np.ndarray) -> None:
    flat = x.reshape(-1)
    even = flat.size - flat.size % PIECE
    pieces, rest = flat[:even].reshape(-1, PIECE), flat[even:]
    y.fill(np.einsum("rc,rc->r", pieces, pieces).sum() + np.einsum("c,c->", rest, rest))


KERNELS = {"sum_rows": sum_rows, "max_rows": max_rows, "sum_cols": sum_cols, "sumsq": sumsq}

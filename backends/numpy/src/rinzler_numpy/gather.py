"""Rows by id: `take_rows` and its gradient `add_rows`.

`out[ids] += rows` keeps one of several equal ids, so the sum has to be `np.add.at`, which takes the
places in the order they stand in: the same bits every time. Numpy has a fast loop for it in one
dimension only, hence the flat addresses. Read next: `activation.py`.
"""

from __future__ import annotations

import numpy as np

from rinzler_numpy.scratch import row_blocks, scratch


def take_rows(y: np.ndarray, table: np.ndarray, ids: np.ndarray) -> None:
    np.take(table, ids, axis=0, out=y)  # (V, C), (...,) -> (..., C)


def add_rows(out: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> None:
    width = out.shape[1]
    ids = ids.reshape(-1, 1)  # (...,) -> (N, 1)
    rows = rows.reshape(-1, width)  # (..., C) -> (N, C)
    columns = np.arange(width)
    for part in row_blocks(rows):
        places = scratch(0, rows[part].shape, np.dtype(np.intp))
        np.multiply(ids[part], width, out=places)
        places += columns
        np.add.at(out.reshape(-1), places.reshape(-1), rows[part].reshape(-1))


KERNELS = {"take_rows": take_rows, "add_rows": add_rows}

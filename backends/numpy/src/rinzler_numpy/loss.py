"""Cross-entropy and its gradient, a block of rows at a time. Read next: `update.py`."""

from __future__ import annotations

import numpy as np

from rinzler_numpy.scratch import row_blocks, scratch
from rinzler_numpy.workers import workers


def cross_entropy(
    loss: np.ndarray, lse: np.ndarray, logits: np.ndarray, targets: np.ndarray
) -> None:
    count = len(logits)

    def log_sum(rows: slice) -> None:
        z = logits[rows]
        top = z.max(axis=1)  # (N, V) -> (N,)
        powers = np.subtract(z, top[:, None], out=scratch(0, z.shape, z.dtype))
        np.exp(powers, out=powers)
        np.add(top, np.log(powers.sum(axis=1)), out=lse[rows])

    workers.each(log_sum, row_blocks(logits))
    at_target = logits[np.arange(count), targets]
    loss.fill((lse - at_target).sum() / count)


def cross_entropy_bwd(
    dlogits: np.ndarray, logits: np.ndarray, targets: np.ndarray, lse: np.ndarray, g: np.ndarray
) -> None:
    count = len(logits)

    def go_back(rows: slice) -> None:
        p = np.subtract(logits[rows], lse[rows, None], out=dlogits[rows])
        np.exp(p, out=p)
        p[np.arange(len(p)), targets[rows]] -= 1
        p *= g / count

    workers.each(go_back, row_blocks(logits))


KERNELS = {"cross_entropy": cross_entropy, "cross_entropy_bwd": cross_entropy_bwd}

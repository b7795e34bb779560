"""What softmax, log_softmax, layer norm and cross-entropy compute.

Bounds: the steps of the formula, carried through by `Bounded`. A softmax so gets a relative bound
that grows with how far below the maximum an element lies; a layer norm one that grows where the
variance is small beside the values, which is where any kernel loses bits.
Read next: `attention.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rinzler.conformance.bounded import Bounded, Reference


def log_sum_exp(x: Bounded) -> Bounded:
    """ln Σ e^x over the last axis, which stays with length 1; the maximum is taken out first."""
    top = x.max(axis=-1)
    return top + (x - top).exp().sum(axis=-1).log()


def softmax_of(x: Bounded) -> Bounded:
    powers = (x - x.max(axis=-1)).exp()
    return powers / powers.sum(axis=-1)


def softmax(outs: Any, x: Bounded) -> Any:
    return (softmax_of(x),)


def softmax_bwd(outs: Any, y: Bounded, g: Bounded) -> Any:
    return (y * (g - (g * y).sum(axis=1)),)


def log_softmax(outs: Any, x: Bounded) -> Any:
    shifted = x - x.max(axis=1)
    return (shifted - shifted.exp().sum(axis=1).log(),)


def log_softmax_bwd(outs: Any, y: Bounded, g: Bounded) -> Any:
    return (g - y.exp() * g.sum(axis=1),)


def layer_norm(outs: Any, x: Bounded, w: Bounded, b: Bounded | None, *, eps: float) -> Any:
    """The variance from x − mean, whose square has no cancellation to hide."""
    mean = x.mean(axis=1)
    centred = x - mean
    rstd = 1.0 / ((centred * centred).mean(axis=1) + eps).sqrt()
    scaled = centred * rstd * w
    y = scaled if b is None else scaled + b
    return y, mean.reshape((-1,)), rstd.reshape((-1,))


def layer_norm_bwd(
    outs: Any, x: Bounded, w: Bounded, mean: Bounded, rstd: Bounded, g: Bounded
) -> Any:
    """dw and db are added to what their outputs hold."""
    _, dw, db = outs
    scale = rstd.reshape((-1, 1))
    n = (x - mean.reshape((-1, 1))) * scale
    h = g * w
    dx = scale * (h - h.mean(axis=1) - n * (h * n).mean(axis=1))
    return (
        dx,
        None if dw is None else dw + (g * n).sum(axis=0).reshape((-1,)),
        None if db is None else db + g.sum(axis=0).reshape((-1,)),
    )


def at_targets(logits: Bounded, targets: np.ndarray) -> Bounded:
    """The logit of each row's target, (N, 1)."""
    return logits.moved(lambda x: x[np.arange(len(targets)), targets].reshape(-1, 1))


def cross_entropy(outs: Any, logits: Bounded, targets: np.ndarray) -> Any:
    lse = log_sum_exp(logits)
    loss = (lse - at_targets(logits, targets)).mean(axis=0)
    return loss.reshape(()), lse.reshape((-1,))


def cross_entropy_bwd(
    outs: Any, logits: Bounded, targets: np.ndarray, lse: Bounded, g: Bounded
) -> Any:
    rows, vocabulary = logits.value.shape
    one_hot = np.where(np.arange(vocabulary) == targets[:, None], 1.0, 0.0)  # (N, V)
    p = (logits - lse.reshape((-1, 1))).exp()
    return ((p - Bounded.exact(one_hot, p.precision)) * g * (1.0 / rows),)


REFERENCES: dict[str, Reference] = {
    "softmax": softmax,
    "softmax_bwd": softmax_bwd,
    "log_softmax": log_softmax,
    "log_softmax_bwd": log_softmax_bwd,
    "layer_norm": layer_norm,
    "layer_norm_bwd": layer_norm_bwd,
    "cross_entropy": cross_entropy,
    "cross_entropy_bwd": cross_entropy_bwd,
}

"""Generated cases of what works along rows: sums, maxima, softmax, layer norm, cross-entropy.

Read next: `layers.py`.
"""

from __future__ import annotations

from functools import partial
from math import inf, nan

from rinzler.conformance.case import Case, Values, case, every, floats, ids, normal
from rinzler.conformance.drawn.drawing import Draw, Drawing
from rinzler.conformance.table.normalization import (
    layer_norm_bwd,
    losses,
    probabilities,
)

NOT_FINITE = (inf, -inf, nan)
SCALES = (0.1, 1.0, 2.0, 10.0)


def matrix(d: Draw) -> tuple[int, int]:
    rows, columns = d.sizes(2, d.room())
    return rows, columns


def summed(op: str, d: Draw) -> Case:
    return case(op, "", floats(matrix(d), d.mixed(d.values(), NOT_FINITE)))


def max_rows(d: Draw) -> Case:
    return case("max_rows", "", floats(matrix(d), d.mixed(d.values())))


def sumsq(d: Draw) -> Case:
    return case("sumsq", "", floats(d.shape(), d.mixed(d.values(), NOT_FINITE)))


def logits(d: Draw) -> Values:
    offset = d.pick((0.0, 0.0, 0.0, -100.0, 3e3))
    usual = normal(d.pick(SCALES), offset)
    return d.pick((usual, usual, usual, every(offset)))


def softmax(op: str, d: Draw) -> Case:
    return case(op, "", floats(matrix(d), logits(d)))


def softmax_bwd(op: str, d: Draw) -> Case:
    shape = matrix(d)
    y = probabilities(op.startswith("log_"), d.pick(SCALES))
    return case(op, "", floats(shape, y), floats(shape))


def layer_norm(d: Draw) -> Case:
    shape = matrix(d)
    b = floats(shape[1:]) if d.flag(0.8) else None
    x = floats(shape, normal(d.pick(SCALES), d.pick((0.0, 0.0, 5.0))))
    return case("layer_norm", "", x, floats(shape[1:]), b, eps=d.pick((1e-5, 1e-5, 0.5)))


def layer_norm_back(d: Draw) -> Case:
    shape = matrix(d)
    wanted = tuple(index for index in (1, 2) if d.flag(0.8))
    return layer_norm_bwd("", floats(shape, normal(d.pick(SCALES))), d.pick((1e-5, 0.5)), wanted)


def cross_entropy(back: bool, d: Draw) -> Case:
    rows, columns = matrix(d)
    which = d.pick((ids(columns), ids(columns), every(d.below(columns))))
    return losses("", floats((rows, columns), logits(d)), which)[back]


DRAWS: dict[str, Drawing] = {
    "sum_rows": partial(summed, "sum_rows"),
    "sum_cols": partial(summed, "sum_cols"),
    "max_rows": max_rows,
    "sumsq": sumsq,
    "softmax": partial(softmax, "softmax"),
    "softmax_bwd": partial(softmax_bwd, "softmax_bwd"),
    "log_softmax": partial(softmax, "log_softmax"),
    "log_softmax_bwd": partial(softmax_bwd, "log_softmax_bwd"),
    "layer_norm": layer_norm,
    "layer_norm_bwd": layer_norm_back,
    "cross_entropy": partial(cross_entropy, False),
    "cross_entropy_bwd": partial(cross_entropy, True),
}

"""Cases of softmax, log_softmax, layer norm and cross-entropy.

Backward rows get operands that belong together (the mean and rstd of their x, the lse of their
logits), because a kernel may use either to rebuild the other. Read next: `attention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from rinzler.conformance.bounded import PRECISIONS, Bounded
from rinzler.conformance.case import (
    Case,
    Operand,
    case,
    derived,
    every,
    floats,
    ids,
    integers,
    listed,
    normal,
    shape_name,
    signed,
)
from rinzler.conformance.reference.normalization import layer_norm, log_sum_exp, softmax_of

MATRICES: tuple[tuple[int, int], ...] = (
    (1, 1),
    (1, 7),
    (7, 1),
    (5, 7),
    (31, 33),
    (33, 32),
    (127, 31),
    (7, 129),
    (129, 128),
    (3, 1031),
    (1031, 3),
)
EXACT = PRECISIONS["float64"]  # derived operands are computed in it, then rounded


def exactly(x: Any) -> Bounded:
    return Bounded.exact(x, EXACT)


def softmax_inputs() -> list[tuple[str, Operand, list[str]]]:
    """Name, x, marks."""
    rows: list[tuple[str, Operand, list[str]]]
    rows = [(shape_name(shape), floats(shape, normal(2.0)), []) for shape in MATRICES]
    # With a mask, whole columns are −inf; with one logit left its probability is 1 exactly.
    masked = listed(1.0, -inf, 2.0, -inf, -inf, -3.0, 0.0, 0.0, -inf)
    return [
        *rows,
        ("large-7x33", floats((7, 33), normal(1e4)), ["extreme"]),
        ("far-from-zero-5x31", floats((5, 31), normal(1.0, -3e5)), ["extreme"]),
        ("constant-5x7", floats((5, 7), every(88.5)), ["repeats"]),
        ("masked-3x3", floats((3, 3), masked), ["extreme"]),
    ]


def softmax() -> list[Case]:
    cases = []
    for op in ("softmax", "log_softmax"):
        cases += [case(op, name, x, marks=marks) for name, x, marks in softmax_inputs()]
    for op, of_log in (("softmax_bwd", False), ("log_softmax_bwd", True)):
        for shape in MATRICES:
            y = floats(shape, probabilities(of_log, 1.5))
            cases.append(case(op, shape_name(shape), y, floats(shape)))
        sure = floats((7, 33), probabilities(of_log, 40.0))
        cases.append(case(op, "sure-7x33", sure, floats((7, 33)), marks=["extreme"]))
    return cases


def probabilities(of_log: bool, scale: float) -> Any:
    """Rows that a softmax, or its logarithm, could have given."""

    def make(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
        x = exactly(scale * rng.standard_normal(shape))
        return (x - log_sum_exp(x)).value if of_log else softmax_of(x).value

    return make


def layer_norm_inputs() -> list[tuple[str, Operand, float]]:
    """Name, x, eps."""
    rows = [(shape_name(shape), floats(shape, normal(2.0)), 1e-5) for shape in MATRICES]
    return [
        *rows,
        ("constant-5x33", floats((5, 33), every(3.7)), 1e-5),
        ("zeros-3x7", floats((3, 7), every(0.0)), 1e-5),
        ("offset-7x129", floats((7, 129), normal(1.0, 300.0)), 1e-5),
        ("large-eps-5x7", floats((5, 7)), 0.5),
    ]


def layer_norms() -> list[Case]:
    cases = []
    for name, x, eps in layer_norm_inputs():
        width = (x.shape[1],)
        b = floats(width)
        cases.append(case("layer_norm", name, x, floats(width), b, eps=eps))
        cases += layer_norms_bwd(name, x, eps)
    for shape in ((1, 7), (33, 32), (7, 129)):
        x = floats(shape, normal(2.0))
        row = (x, floats(shape[1:]), None)
        name = f"{shape_name(shape)}-no-b"
        cases.append(case("layer_norm", name, *row, eps=1e-5, marks=["absent"]))
    return cases


def layer_norm_bwd(name: str, x: Operand, eps: float, wanted: Sequence[int] = (1, 2)) -> Case:
    """With the statistics of x; `wanted` are the outputs besides dx, which are added to."""

    def statistic(index: int) -> Any:
        def of(host: Any, w: Any, *rest: Any) -> Any:
            return layer_norm((), exactly(host), exactly(w), None, eps=eps)[index].value

        return derived(of)

    rows, width = x.shape
    mean, rstd = (floats((rows,), statistic(index)) for index in (1, 2))
    operands = (x, floats((width,)), mean, rstd, floats(x.shape))
    reads = {index: floats((width,)) if index in wanted else None for index in (1, 2)}
    marks = ["accumulate"] if len(wanted) == 2 else ["absent"]
    return case("layer_norm_bwd", name, *operands, reads=reads, marks=marks)


def layer_norms_bwd(name: str, x: Operand, eps: float) -> list[Case]:
    cases = [layer_norm_bwd(name, x, eps)]
    if name in ("5x7", "129x128"):
        for suffix, kept in (("no-db", (1,)), ("no-dw", (2,)), ("dx-only", ())):
            cases.append(layer_norm_bwd(f"{name}-{suffix}", x, eps, kept))
    return cases


# N rows, V columns: the one-hot matrix is made in one way for V ≤ N and in another for V > N.
LOGITS: tuple[tuple[int, int], ...] = (
    *((1, 1), (1, 7), (7, 1), (5, 3), (3, 5), (7, 7), (31, 33)),
    *((33, 32), (127, 129), (129, 65), (3, 1031), (1031, 3)),
)


def cross_entropy() -> list[Case]:
    cases = []
    for n, v in LOGITS:
        name = shape_name((n, v))
        cases += losses(name, floats((n, v), normal(2.0)), ids(v))
    cases += losses("large-7x33", floats((7, 33), normal(1e4)), ids(33), ["extreme"])
    cases += losses("constant-5x7", floats((5, 7), every(-4.25)), ids(7), ["repeats"])
    cases += losses("one-target-33x5", floats((33, 5), normal()), every(2), ["repeats"])
    # Other tokens may be impossible; the target is not.
    masked = floats((2, 3), listed(1.0, -inf, 2.0, -inf, -inf, -3.0))
    return [*cases, *losses("masked-2x3", masked, every(2), ["extreme"])]


def losses(name: str, logits: Operand, which: Any, marks: Any = ()) -> list[Case]:
    n = (logits.shape[0],)
    targets = integers(n, which)
    lse = floats(n, derived(lambda x, *rest: log_sum_exp(exactly(x)).value))
    back = (logits, targets, lse, floats((), signed))
    return [
        case("cross_entropy", name, logits, targets, marks=marks),
        case("cross_entropy_bwd", name, *back, marks=marks),
    ]


CASES = [*softmax(), *layer_norms(), *cross_entropy()]

"""Cases of the elementwise rows, `fill`, and the activations.

Shapes go from a scalar over odd sizes and the edges of common tiles to a few thousand; extremes are
zeros of both signs, infinities, NaN, and the ends of each function's range. Read next:
`movement.py`.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

from rinzler.conformance.case import (
    Case,
    Values,
    case,
    every,
    floats,
    integers,
    listed,
    mask,
    normal,
    positive,
    shape_name,
)

SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (1,),
    (7,),
    (31,),
    (32,),
    (33,),
    (127,),
    (128,),
    (129,),
    (5, 7),
    (3, 5, 7),
    (2, 3, 1, 5, 7),
    (4099,),
)

# Each list ends a range: where the function overflows, loses its last bits, or is not defined.
UNARY: dict[str, tuple[Values, tuple[float, ...]]] = {
    "exp": (normal(3.0), (0.0, -0.0, 1.0, 88.0, -87.0, 100.0, -200.0, inf, -inf, nan)),
    "log": (positive, (1.0, 1.0 + 2**-20, 1e-30, 1e30, 0.0, -0.0, inf, -1.0, nan)),
    "sqrt": (positive, (0.0, -0.0, 1.0, 4.0, 1e-30, 1e30, inf, -1.0, nan)),
    "tanh": (normal(2.0), (0.0, -0.0, 1e-6, 9.0, -9.0, 20.0, 100.0, inf, -inf, nan)),
    "gelu": (normal(2.0), (0.0, -0.0, 1e-6, -4.0, 6.0, -6.0, 100.0, -100.0, nan)),
    "relu": (normal(1.0), (0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30, inf, -inf, nan)),
}

PAIRS_A = (0.0, -0.0, 1.0, -1.0, inf, inf, -inf, 0.0, nan, 1.0, 3.0, 1e30)
PAIRS_B = (1.0, 2.0, 0.0, 0.0, 1.0, -inf, 2.0, inf, 1.0, nan, 3.0, 1e-30)
# Comparisons meet NaN on either side and on both, equal operands, and each order of infinities.
ORDER_A = (nan, 1.0, nan, inf, -inf, inf, 2.0, -3.0, 1e-30, -1.0)
ORDER_B = (1.0, nan, nan, inf, inf, -inf, 2.0, -2.0, -1e-30, nan)


def unary(op: str) -> list[Case]:
    values, extremes = UNARY[op]
    cases = [case(op, shape_name(shape), floats(shape, values)) for shape in SHAPES]
    edges = floats((len(extremes),), listed(*extremes))
    return [*cases, case(op, "extremes", edges, marks=["extreme"])]


def binary(op: str) -> list[Case]:
    cases = [case(op, shape_name(shape), floats(shape), floats(shape)) for shape in SHAPES]
    for shape, single in (((33,), ()), ((5, 7), (1,)), ((129,), (1, 1)), ((3, 5, 7), ())):
        name = f"{shape_name(shape)}-b-{shape_name(single)}"
        cases.append(case(op, name, floats(shape), floats(single), marks=["one-element b"]))
    a, b = (ORDER_A, ORDER_B) if op in ("maximum", "less") else (PAIRS_A, PAIRS_B)
    edges = [floats((len(values),), listed(*values)) for values in (a, b)]
    cases.append(case(op, "extremes", *edges, marks=["extreme"]))
    not_a_number = floats((), every(nan))
    cases.append(case(op, "7-b-nan", floats((7,)), not_a_number, marks=["extreme"]))
    return cases


def where() -> list[Case]:
    cases = [
        case("where", shape_name(shape), floats(shape, mask), floats(shape), floats(shape))
        for shape in SHAPES
    ]
    flags = floats((33,), mask)
    sides: list[tuple[str, tuple[int, ...], tuple[int, ...]]]
    sides = [("a", (), (33,)), ("b", (33,), (1,)), ("ab", (1,), ())]
    for name, of_a, of_b in sides:
        cases.append(case("where", f"33-single-{name}", flags, floats(of_a), floats(of_b)))
    # What is not chosen stays out, be it inf or NaN: a product with the mask would let it in.
    chosen = floats((8,), listed(1, 0, 1, 0, 1, 0, 1, 0))
    a = floats((8,), listed(1.0, inf, 2.0, nan, -0.0, -inf, inf, nan))
    b = floats((8,), listed(nan, 3.0, inf, -0.0, -inf, 4.0, nan, nan))
    cases.append(case("where", "extremes", chosen, a, b, marks=["extreme"]))
    poison = floats((), every(nan))
    ones = floats((7,), every(1.0))
    cases.append(case("where", "7-unchosen-nan", ones, floats((7,)), poison, marks=["extreme"]))
    return cases


def gelu_bwd() -> list[Case]:
    cases = [
        case("gelu_bwd", shape_name(shape), floats(shape, normal(2.0)), floats(shape))
        for shape in SHAPES
    ]
    # x³ is infinite in float32 from 7e12 on; the slope there is 0 or 1 all the same.
    ends = (0.0, -0.0, -4.0, 6.0, -6.0, 100.0, -100.0, 1e13, -1e13, nan)
    edges = floats((len(ends),), listed(*ends))
    cases.append(case("gelu_bwd", "extremes", edges, floats((len(ends),)), marks=["extreme"]))
    return cases


def fill() -> list[Case]:
    def row(name: str, out: Any, value: float, marks: tuple[str, ...] = ()) -> Case:
        return case("fill", name, reads={0: out}, value=value, marks=marks)

    cases = [row(shape_name(shape), floats(shape), 0.1) for shape in SHAPES]
    for value in (0.0, -0.0, -1e-30, inf, -inf, nan):
        cases.append(row(f"7-{value}", floats((7,)), value, ("extreme",)))
    cases.append(row("33-int32", integers((33,), every(5)), 7, ("int32",)))
    return cases


CASES = [
    *fill(),
    *(row for op in ("add", "sub", "mul", "div", "maximum", "less") for row in binary(op)),
    *(row for op in UNARY for row in unary(op)),
    *where(),
    *gelu_bwd(),
]

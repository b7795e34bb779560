"""Generated cases of the elementwise rows: any shape, one-element operands, odd numbers among them.

Read next: `movement.py`.
"""

from __future__ import annotations

from functools import partial

from rinzler.conformance.case import Case, case, every, floats, integers, mask, normal
from rinzler.conformance.drawn.drawing import ODD_NUMBERS, Draw, Drawing
from rinzler.conformance.table.elementwise import UNARY

BINARY = ("add", "sub", "mul", "div", "maximum", "less")
SINGLE: tuple[tuple[int, ...], ...] = ((), (1,), (1, 1), (1, 1, 1, 1, 1))
# Slopes of gelu: where x³ overflows and where it does not.
SLOPES = (0.0, -0.0, -4.0, 6.0, -6.0, 100.0, -100.0, 1e13, -1e13)


def single_or(d: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    return d.pick(SINGLE) if d.flag(0.2) else shape


def binary(op: str, d: Draw) -> Case:
    shape = d.shape()
    a = floats(shape, d.mixed(d.values()))
    b = floats(single_or(d, shape), d.mixed(d.values()))
    return case(op, "", a, b)


def unary(op: str, d: Draw) -> Case:
    usual, odd = UNARY[op]
    return case(op, "", floats(d.shape(), d.mixed(usual, odd)))


def where(d: Draw) -> Case:
    shape = d.shape()
    sides = [floats(single_or(d, shape), d.mixed(d.values())) for _ in range(2)]
    return case("where", "", floats(shape, mask), *sides)


def gelu_bwd(d: Draw) -> Case:
    shape = d.shape()
    return case("gelu_bwd", "", floats(shape, d.mixed(normal(2.0), SLOPES)), floats(shape))


def fill(d: Draw) -> Case:
    shape = d.shape()
    if d.flag(0.25):
        whole = d.below(2**32) - 2**31
        return case("fill", "", reads={0: integers(shape, every(5))}, value=whole)
    value = d.pick((0.1, -2.5, *ODD_NUMBERS))
    return case("fill", "", reads={0: floats(shape)}, value=value)


DRAWS: dict[str, Drawing] = {
    "fill": fill,
    **{op: partial(binary, op) for op in BINARY},
    **{op: partial(unary, op) for op in UNARY},
    "where": where,
    "gelu_bwd": gelu_bwd,
}

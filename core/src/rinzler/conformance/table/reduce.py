"""Cases of the reductions: rows, columns, the maximum, the sum of squares.

The values of sums are signed and none is near zero, so a lost tail or a lane added twice is far
outside of the bound. Read next: `matmul.py`.
"""

from __future__ import annotations

from math import inf, nan

from rinzler.conformance.case import Case, case, every, floats, listed, shape_name

MATRICES: tuple[tuple[int, int], ...] = (
    (1, 1),
    (1, 7),
    (7, 1),
    (5, 7),
    (31, 33),
    (33, 31),
    (32, 32),
    (127, 129),
    (129, 127),
    (128, 128),
    (3, 1031),
    (1031, 3),
    (2, 10007),
)
# One row each with an infinity, both infinities, NaN in front, NaN behind, and none of them.
ROWS = (1.0, inf, 2.0, -inf, 1.0, inf, nan, 1.0, 2.0, 3.0, 4.0, nan, 5.0, -6.0, 7.0)


def sums() -> list[Case]:
    cases = []
    for op in ("sum_rows", "sum_cols"):
        cases += [case(op, shape_name(shape), floats(shape)) for shape in MATRICES]
        # 0.1 has no finite binary form: a running sum drifts, always to the same side.
        cases.append(case(op, "constant-7x1031", floats((7, 1031), every(0.1))))
        cases.append(case(op, "constant-1031x7", floats((1031, 7), every(0.1))))
        cases.append(case(op, "extremes", floats((5, 3), listed(*ROWS)), marks=["extreme"]))
    return cases


def max_rows() -> list[Case]:
    cases = [case("max_rows", shape_name(shape), floats(shape)) for shape in MATRICES]
    extra = [
        ("all-equal-5x33", floats((5, 33), every(-2.5)), "repeats"),
        ("all-negative-infinity", floats((3, 5), every(-inf)), "extreme"),
        ("all-negative-7x31", floats((7, 31), lambda rng, shape, _: -1e30 - rng.random(shape)), ""),
        ("extremes", floats((5, 3), listed(*ROWS)), "extreme"),
    ]
    for name, x, mark in extra:
        cases.append(case("max_rows", name, x, marks=[mark] if mark else []))
    # One NaN in each place of a row that spans several lanes.
    diagonal = floats((37, 37), lambda rng, shape, _: rng.random(shape) + nan_diagonal(shape[0]))
    return [*cases, case("max_rows", "nan-anywhere-37x37", diagonal, marks=["extreme"])]


def nan_diagonal(n: int) -> list[list[float]]:
    return [[nan if row == column else 0.0 for column in range(n)] for row in range(n)]


def sumsq() -> list[Case]:
    shapes: tuple[tuple[int, ...], ...] = (
        *((), (1,), (7,), (33,), (129,), (5, 7), (3, 5, 7), (2, 3, 1, 5, 7)),
        *((31, 33), (127, 129), (10007,)),
    )
    cases = [case("sumsq", shape_name(shape), floats(shape)) for shape in shapes]
    # 1e20 squared is inf in float32 and not in float64; below 1e-23 squares are flushed to zero.
    for name, value in (("overflow", 1e20), ("underflow", 1e-25), ("inf", inf), ("nan", nan)):
        x = floats((3,), listed(1.0, value, -2.0))
        cases.append(case("sumsq", name, x, marks=["extreme"]))
    return cases


CASES = [*sums(), *max_rows(), *sumsq()]

"""Cases of `move` and of the five rows made of it: permute, expand, slice, place, concat.

`move` is one kernel with many uses, and backends specialise it: plain copies, transpositions of two
axes, broadcasts. There are cases for each of these paths and for what none of them covers. All
results are exact, to the bit. Read next: `reduce.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

from rinzler.conformance.case import Case, Operand, case, floats, integers, listed, shape_name
from rinzler.conformance.case import ids as drawn_ids

Shape = tuple[int, ...]


def whole_numbers(shape: Sequence[int]) -> Operand:
    return integers(shape, drawn_ids(1000))


# --- move -------------------------------------------------------------------------------------


def reach(shape: Shape, strides: Shape, offset: int) -> int:
    """How many elements an array needs for the last address."""
    return 1 + offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))


def move(
    name: str,
    shape: Shape,
    x_strides: Shape,
    out_strides: Shape,
    x_offset: int = 0,
    out_offset: int = 0,
    marks: tuple[str, ...] = (),
) -> Case:
    make = whole_numbers if "int32" in marks else floats
    # Two elements more than needed: what is not addressed has to stay as it was.
    x = make((reach(shape, x_strides, x_offset) + 2,))
    out = make((reach(shape, out_strides, out_offset) + 2,))
    return case(
        "move",
        name,
        x,
        reads={0: out},
        marks=marks,
        shape=shape,
        x_strides=x_strides,
        out_strides=out_strides,
        x_offset=x_offset,
        out_offset=out_offset,
    )


MOVES = [
    move("one", (1,), (1,), (1,), marks=("one",)),
    move("no-axes", (), (), ()),
    move("copy-129", (129,), (1,), (1,)),
    move("copy-4099", (4099,), (1,), (1,)),
    move("shifted-33", (33,), (1,), (1,), 5, 3),
    move("every-third-31", (31,), (3,), (1,), 1),
    move("spread-out-31", (31,), (1,), (3,), 0, 2),
    move("transpose-33x31", (33, 31), (1, 33), (31, 1)),
    move("transpose-32x32", (32, 32), (1, 32), (32, 1)),
    move("transpose-129x127", (129, 127), (1, 129), (127, 1)),
    move("transpose-1x7", (1, 7), (1, 1), (7, 1)),
    move("transpose-padded-7x5", (7, 5), (1, 11), (9, 1), 2, 1),
    move("batched-transpose-3x33x7", (3, 33, 7), (231, 1, 33), (231, 7, 1)),
    move("window-5x7-of-11x13", (5, 7), (13, 1), (7, 1), 29),
    move("window-into-11x13", (5, 7), (7, 1), (13, 1), 0, 29),
    move("repeat-rows-33x31", (33, 31), (0, 1), (31, 1)),
    move("repeat-columns-33x31", (33, 31), (1, 0), (31, 1)),
    move("repeat-one-5x7", (5, 7), (0, 0), (7, 1), 3),
    move("heads-2x7x3x5", (2, 3, 7, 5), (105, 5, 15, 1), (105, 35, 5, 1)),
    move("reversed-axes-2x3x4x5x7", (7, 5, 4, 3, 2), (1, 7, 35, 140, 420), (120, 24, 6, 2, 1)),
    move("five-axes-repeat", (2, 3, 2, 3, 5), (0, 5, 0, 15, 1), (90, 30, 15, 5, 1)),
    move("int32-transpose-33x31", (33, 31), (1, 33), (31, 1), marks=("int32",)),
    move("int32-shifted-7", (7,), (2,), (1,), 1, 4, marks=("int32",)),
]

# --- permute ----------------------------------------------------------------------------------

PERMUTED: tuple[tuple[Shape, Shape], ...] = (
    ((), ()),
    ((1, 1), (1, 0)),
    ((1, 7), (1, 0)),
    ((31, 33), (1, 0)),
    ((32, 32), (1, 0)),
    ((33, 127), (1, 0)),
    ((129, 128), (1, 0)),
    ((5, 7), (0, 1)),
    ((3, 31, 33), (0, 2, 1)),
    ((3, 5, 7), (2, 0, 1)),
    ((3, 5, 7), (1, 0, 2)),
    ((2, 7, 3, 5), (0, 2, 1, 3)),
    ((2, 3, 5, 7), (3, 2, 1, 0)),
    ((2, 7, 3, 2, 5), (2, 0, 3, 1, 4)),
    ((3, 2, 2, 7, 5), (1, 3, 0, 2, 4)),
    ((1031, 3), (1, 0)),
)


def permute() -> list[Case]:
    cases = []
    for shape, axes in PERMUTED:
        name = f"{shape_name(shape)}-{''.join(str(axis) for axis in axes) or 'none'}"
        cases.append(case("permute", name, floats(shape), axes=axes))
    bits = floats((2, 3), listed(-0.0, 0.0, inf, -inf, nan, 1e-40))
    cases.append(case("permute", "extremes", bits, axes=(1, 0), marks=["extreme"]))
    numbers = whole_numbers((7, 5))
    return [*cases, case("permute", "int32-7x5", numbers, axes=(1, 0), marks=["int32"])]


# --- expand -----------------------------------------------------------------------------------

EXPANDED: tuple[tuple[Shape, Shape], ...] = (
    ((), (1,)),
    ((), (5, 7)),
    ((1,), (33,)),
    ((7,), (5, 7)),
    ((33,), (31, 33)),
    ((1, 7), (5, 7)),
    ((5, 1), (5, 7)),
    ((129, 1), (129, 127)),
    ((5, 7), (5, 7)),
    ((5, 7), (3, 5, 7)),
    ((1, 5, 1), (3, 5, 7)),
    ((3, 1, 7), (3, 5, 7)),
    ((2, 1, 3, 1, 5), (2, 7, 3, 2, 5)),
    ((3, 1), (3, 1031)),
)


def expand() -> list[Case]:
    cases = [
        case("expand", f"{shape_name(small)}-to-{shape_name(shape)}", floats(small), shape=shape)
        for small, shape in EXPANDED
    ]
    numbers = whole_numbers((3, 1))
    return [*cases, case("expand", "int32-3x1", numbers, shape=(3, 7), marks=["int32"])]


# --- slice and place --------------------------------------------------------------------------

# The window, where it starts, and the whole: slice takes it out of there, place puts it there.
WINDOWS: tuple[tuple[Shape, Shape, Shape], ...] = (
    ((1,), (0,), (1,)),
    ((1,), (6,), (7,)),
    ((33,), (0,), (33,)),
    ((31,), (2,), (33,)),
    ((7,), (1000,), (1031,)),
    ((5, 3), (0, 4), (5, 7)),
    ((3, 7), (2, 0), (5, 7)),
    ((1, 1), (4, 6), (5, 7)),
    ((33, 32), (0, 31), (33, 129)),
    ((127, 5), (2, 1), (129, 7)),
    ((1, 5, 7), (2, 0, 0), (3, 5, 7)),
    ((3, 5, 2), (0, 0, 5), (3, 5, 7)),
    ((2, 2, 1, 3, 3), (0, 1, 0, 2, 4), (2, 3, 1, 5, 7)),
)


def windows() -> list[Case]:
    cases = []
    for window, starts, whole in WINDOWS:
        name = f"{shape_name(window)}-at-{shape_name(starts)}-of-{shape_name(whole)}"
        cases.append(case("slice", name, floats(whole), starts=starts, shape=window))
        cases.append(case("place", name, floats(window), starts=starts, shape=whole))
    taken = case("slice", "int32", whole_numbers((5, 7)), starts=(1, 2), shape=(3, 5))
    put = case("place", "int32", whole_numbers((3, 5)), starts=(1, 2), shape=(5, 7))
    return [*cases, taken, put]


# --- concat -----------------------------------------------------------------------------------

JOINED: tuple[tuple[int, tuple[Shape, ...]], ...] = (
    (0, ((1,),)),
    (0, ((1,), (1,))),
    (0, ((7,), (33,))),
    (0, ((5, 7), (3, 7))),
    (1, ((5, 7), (5, 3))),
    (1, ((33, 31), (33, 1), (33, 32))),
    (1, ((7, 1), (7, 1), (7, 1), (7, 1), (7, 1), (7, 1), (7, 1))),
    (0, ((129, 3), (127, 3))),
    (1, ((3, 1031), (3, 5))),
    (0, ((2, 5, 7), (1, 5, 7))),
    (1, ((3, 5, 7), (3, 2, 7))),
    (2, ((3, 5, 7), (3, 5, 1))),
    (3, ((2, 3, 1, 5, 7), (2, 3, 1, 2, 7))),
)


def concat() -> list[Case]:
    cases = []
    for axis, shapes in JOINED:
        name = f"{'+'.join(shape_name(shape) for shape in shapes)}-axis{axis}"
        cases.append(case("concat", name, *(floats(shape) for shape in shapes), axis=axis))
    numbers = [whole_numbers((5, 3)), whole_numbers((5, 2))]
    return [*cases, case("concat", "int32", *numbers, axis=1, marks=["int32"])]


CASES = [*MOVES, *permute(), *expand(), *windows(), *concat()]

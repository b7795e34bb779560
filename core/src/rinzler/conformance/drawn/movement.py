"""Generated cases of `move` and of the rows made of it, and of the gathers.

A move is drawn as two walks over the same indices: dense, with gaps between rows, transposed,
standing still along some axes (a broadcast), each from some offset on. What is written never meets
itself. Read next: `rows.py`.
"""

from __future__ import annotations

from functools import partial

from rinzler.conformance.case import Case, Operand, Values, case, every, floats, ids
from rinzler.conformance.drawn.drawing import Draw, Drawing
from rinzler.conformance.table.gather import lookup, permuted
from rinzler.conformance.table.movement import move as move_row
from rinzler.conformance.table.movement import whole_numbers

Shape = tuple[int, ...]
MOVED = 300  # elements at most: the reference walks through them one by one
LOOKED_UP = 150  # rows at most, for the same reason


def operand(d: Draw, shape: Shape, whole: bool) -> Operand:
    """Floats with odd ones among them, which must arrive to the bit, or whole numbers."""
    return whole_numbers(shape) if whole else floats(shape, d.mixed(d.values()))


def walk(d: Draw, shape: Shape) -> Shape:
    """Strides that reach every index of `shape` at a place of its own."""
    strides = [0] * len(shape)
    step = d.pick((1, 1, 1, 2, 3))
    order = range(len(shape) - 1, -1, -1)
    for axis in d.rng.permutation(list(order)) if d.flag() else order:
        strides[axis] = step
        step *= shape[axis]
        step += d.pick((0, 0, 0, 1, 5))
    return tuple(int(stride) for stride in strides)


def move(d: Draw) -> Case:
    shape = d.shape(room=min(d.room(), MOVED))
    source = walk(d, shape)
    if d.flag(0.3):
        source = tuple(0 if d.flag() else stride for stride in source)
    starts = [d.pick((0, 0, 1, 7, 64)) for _ in range(2)]
    marks = ("int32",) if d.flag(0.2) else ()
    return move_row("", shape, source, walk(d, shape), starts[0], starts[1], marks)


def permute(d: Draw) -> Case:
    shape = d.shape()
    axes = tuple(int(axis) for axis in d.rng.permutation(len(shape)))
    return case("permute", "", operand(d, shape, d.flag(0.2)), axes=axes)


def expand(d: Draw) -> Case:
    shape = d.shape()
    small = tuple(1 if d.flag() else n for n in shape[d.below(len(shape) + 1) :])
    return case("expand", "", operand(d, small, d.flag(0.2)), shape=shape)


def window(op: str, d: Draw) -> Case:
    """A part of a whole: `slice` takes it out, `place` puts it in."""
    whole = d.shape()
    part = tuple(d.size(n) for n in whole)
    starts = tuple(d.below(n - m + 1) for n, m in zip(whole, part, strict=True))
    taken, given = (whole, part) if op == "slice" else (part, whole)
    return case(op, "", operand(d, taken, d.flag(0.2)), starts=starts, shape=given)


def concat(d: Draw) -> Case:
    shape = d.shape(least=1, room=d.room() // 2)
    axis = d.below(len(shape))
    whole = d.flag(0.2)
    parts = []
    for _ in range(1 + d.below(4)):
        length = d.size(max(shape[axis], 3))
        parts.append(operand(d, (*shape[:axis], length, *shape[axis + 1 :]), whole))
    return case("concat", "", *parts, axis=axis)


def looked_up(op: str, d: Draw) -> Case:
    room = d.room()
    count, width = d.sizes(2, room)
    shape = d.sizes(d.below(4), min(max(room // width, 1), LOOKED_UP))
    if len(shape) == 1 and d.flag(0.2):
        return lookup(op, "", shape[0], width, shape, permuted)
    which: Values = d.pick((ids(count), ids(min(count, 3)), every(d.below(count))))
    return lookup(op, "", count, width, shape, which)


DRAWS: dict[str, Drawing] = {
    "move": move,
    "permute": permute,
    "expand": expand,
    "slice": partial(window, "slice"),
    "place": partial(window, "place"),
    "concat": concat,
    "take_rows": partial(looked_up, "take_rows"),
    "add_rows": partial(looked_up, "add_rows"),
}

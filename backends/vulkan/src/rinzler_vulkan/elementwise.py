"""Elementwise kernels: one shader for the six with two operands, one for the functions, and where.

`b` may have one element, and so may the operands of `where`; any input may be the output's memory.
Arrays longer than a shader may see at once are taken in pieces. Read next: `movement.py`; the
formulas stand in `rinzler.ops.elementwise`.
"""

from __future__ import annotations

from functools import partial

from rinzler_vulkan.call import Call, flat, pieces
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory

EACH = 4 * 64  # elements of a workgroup
BINARY = ("add", "sub", "mul", "div", "maximum", "less")  # numbered as in binary.comp
UNARY = ("exp", "log", "sqrt", "tanh")  # numbered as in unary.comp


def piece_of(x: Memory, start: int, size: int) -> Memory:
    """A piece of an operand; all of it where it has one element, or where one piece is all."""
    return x if x.size in (1, size) else x.part(start, size)


def binary(code: int, caps: DeviceCaps, y: Memory, a: Memory, b: Memory) -> list[Call]:
    return [
        Call(
            "binary",
            [piece_of(x, start, size) for x in (y, a, b)],
            flat(size, EACH),
            push={"n": size},
            spec={"OP": code, "ONE": b.size == 1 and y.size != 1},
        )
        for start, size in pieces(caps, y.size)
    ]


def unary(code: int, caps: DeviceCaps, y: Memory, a: Memory) -> list[Call]:
    return [
        Call(
            "unary",
            [piece_of(x, start, size) for x in (y, a)],
            flat(size, EACH),
            push={"n": size},
            spec={"OP": code},
        )
        for start, size in pieces(caps, y.size)
    ]


def where(caps: DeviceCaps, y: Memory, mask: Memory, a: Memory, b: Memory) -> list[Call]:
    ones = {"ONE_A": a.size == 1, "ONE_B": b.size == 1}
    return [
        Call(
            "where",
            [piece_of(x, start, size) for x in (y, mask, a, b)],
            flat(size, EACH),
            push={"n": size},
            spec=ones,
        )
        for start, size in pieces(caps, y.size)
    ]


KERNELS = {
    **{op: partial(binary, code) for code, op in enumerate(BINARY)},
    **{op: partial(unary, code) for code, op in enumerate(UNARY)},
    "where": where,
}

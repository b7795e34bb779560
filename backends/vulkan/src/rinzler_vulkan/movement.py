"""`fill` and `move`: memory set or rearranged without arithmetic, as 32-bit words of any dtype.

A strided copy is described by up to five axes. Axes that are one run in both operands are joined
first, so that most copies have one or two, and the shader's loop is that short. Elements go in
fours where the last axis allows it, and an exchange of two axes goes tile by tile, as neighbours on
one side of it lie far apart on the other. Read next: `reduce.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import Any

from rinzler_vulkan.call import MOST_GROUPS, Call, Grid, Number, flat, pieces
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.elementwise import EACH, piece_of
from rinzler_vulkan.memory import Memory

AXES = 5
LANES = 64  # invocations of a workgroup
SMALL = 16  # an axis shorter than this is no reason for tiles

# Sizes of an exchange, as transpose.comp and transpose_fours.comp name them.
EXCHANGE = (
    *("rows", "cols", "out_offset", "x_offset"),
    *("out_row", "x_row", "out_batch", "x_batch"),
)

Axis = tuple[int, int, int]  # length, stride in out, stride in x


def bits_of(value: float, dtype: str) -> int:
    """The 32 bits of a number; a float too large for float32 becomes infinite."""
    if dtype == "int32":
        return int(value) & 0xFFFFFFFF
    try:
        return int.from_bytes(struct.pack("<f", value), "little")
    except OverflowError:
        return 0x7F800000 | (0x80000000 if value < 0 else 0)


def fill(caps: DeviceCaps, out: Memory, *, value: float) -> list[Call]:
    word = bits_of(value, out.dtype)
    return [
        Call(
            "fill",
            (piece_of(out, start, size),),
            flat(size, EACH),
            push={"n": size, "word": word},
        )
        for start, size in pieces(caps, out.size)
    ]


def joined(shape: Sequence[int], out: Sequence[int], x: Sequence[int]) -> list[Axis]:
    """The axes of a copy, without those of length 1, and with runs of both operands joined."""
    axes: list[Axis] = []
    for length, to, by in zip(shape, out, x, strict=True):
        if length == 1:
            continue
        if axes and axes[-1][1] == length * to and axes[-1][2] == length * by:
            axes[-1] = (axes[-1][0] * length, to, by)
        else:
            axes.append((length, to, by))
    return axes


def move(
    caps: DeviceCaps,
    out: Memory,
    x: Memory,
    *,
    shape: tuple[int, ...],
    out_strides: tuple[int, ...],
    out_offset: int,
    x_strides: tuple[int, ...],
    x_offset: int,
) -> Call:
    axes = joined(shape, out_strides, x_strides)
    exchange = exchanged(caps, axes, out_offset, x_offset)
    if exchange is not None:
        shader, grid, sizes = exchange
        return Call(shader, (out, x), grid, push=sizes)
    spec = fours(axes, out_offset, x_offset)
    n = prod(shape)
    if spec["FOURS"]:
        n //= 4
        axes[-1] = (axes[-1][0] // 4, *axes[-1][1:])
    padded = axes + [(1, 0, 0)] * (AXES - len(axes))
    push: dict[str, Any] = {
        "n": n,
        "out_offset": out_offset,
        "x_offset": x_offset,
        "shape": [axis[0] for axis in padded],
        "out_strides": [axis[1] for axis in padded],
        "x_strides": [axis[2] for axis in padded],
    }
    return Call("move", (out, x), flat(n, LANES), push=push, spec=spec)


def fours(axes: Sequence[Axis], out_offset: int, x_offset: int) -> dict[str, Number]:
    """The constants of move.comp: how its last axis can be taken in fours."""
    whole = bool(axes) and axes[-1][0] % 4 == 0
    together = []
    for side, offset in ((1, out_offset), (2, x_offset)):
        numbers = [offset, *(axis[side] for axis in axes[:-1])]
        together.append(whole and axes[-1][side] == 1 and all(k % 4 == 0 for k in numbers))
    names = ("RANK", "FOURS", "OUT_TOGETHER", "X_TOGETHER")
    return dict(zip(names, (len(axes), whole, *together), strict=True))


def exchanged(
    caps: DeviceCaps, axes: Sequence[Axis], out_offset: int, x_offset: int
) -> tuple[str, Grid, dict[str, int]] | None:
    """Shader, grid and sizes where the last axis runs in out and the one before it in x."""
    if len(axes) not in (2, 3) or axes[-1][1] != 1 or axes[-2][2] != 1:
        return None
    batch, out_batch, x_batch = axes[0] if len(axes) == 3 else (1, 0, 0)
    rows, out_row, _ = axes[-2]
    cols, _, x_row = axes[-1]
    if min(rows, cols) < SMALL:
        return None
    numbers = (rows, cols, out_offset, x_offset, out_row, x_row, out_batch, x_batch)
    shader, tile = ("transpose", (32, 32))
    if caps.barrier_free:
        shader, tile = ("transpose_fours", (4 * 16, 4))
        if any(number % 4 for number in numbers):
            return None
    grid = (-(-cols // tile[0]), -(-rows // tile[1]), batch)
    if max(grid) > MOST_GROUPS:
        return None
    return shader, grid, dict(zip(EXCHANGE, numbers, strict=True))


KERNELS = {"fill": fill, "move": move}

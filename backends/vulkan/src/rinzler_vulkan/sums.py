"""Sums down the columns of a matrix, and over all of an array: `sum_cols` and `sumsq`.

Columns are summed block by block of rows, all elements segment by segment, and then the sums of the
blocks or segments in turn, until one is left: a fixed order, and no sum is a long chain. Where an
array is larger than a shader may see at once, blocks and segments do not move.
Read next: `normalization.py`; sums along rows are in `reduce.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rinzler_vulkan.call import Call, Number, Operand, Scratch, flat
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory
from rinzler_vulkan.rows import BLOCK, down_columns, invocations, row_pieces, sums_of_lines

LANE_SEGMENT = 64  # elements of one lane, where a segment has many
LONE_SEGMENT = 2048  # elements of one invocation on a software driver


def sum_cols(caps: DeviceCaps, y: Memory, x: Memory) -> Sequence[Call]:
    rows, cols = x.shape
    blocks = -(-rows // BLOCK)
    matrices = list(row_pieces(caps, x, BLOCK))
    if len(matrices) == 1:
        return sums_of_lines(caps, y, x, rows)
    lines = Scratch((blocks, cols))
    calls = []
    for piece in matrices:
        grid, spec = down_columns(caps, piece.rows, cols)
        push = {"rows": piece.rows, "cols": cols, "block": BLOCK, "accumulate": 0}
        push["first"] = piece.first // BLOCK
        calls.append(Call("sum_cols", (lines, piece.of(x)), grid, push=push, spec=spec))
    return [*calls, *sums_of_lines(caps, y, lines, blocks)]


def totals(
    caps: DeviceCaps, y: Memory, x: Operand, square: bool = False, scale: float = 1.0
) -> list[Call]:
    """y () = scale·Σ over all elements of x, or of x²."""
    size = invocations(caps)
    lanes = 1 if caps.barrier_free else size
    segment = LONE_SEGMENT if caps.barrier_free else LANE_SEGMENT * lanes
    most = caps.max_range // 4 // segment * segment
    parts = [(start, min(most, x.size - start)) for start in range(0, x.size, most)]
    segments = -(-x.size // segment)
    target: Operand = y if segments == 1 else Scratch((segments,))
    spec: dict[str, Number] = {"LOCAL_X": size, "LANES": lanes, "SQUARE": square}
    calls = []
    for start, length in parts:
        push: dict[str, Number] = {"n": length, "segment": segment, "first": start // segment}
        push["scale"] = scale if segments == 1 else 1.0
        source = x.part(start, length) if len(parts) > 1 and isinstance(x, Memory) else x
        grid = flat(-(-length // segment), size // lanes)
        calls.append(Call("total", (target, source), grid, push=push, spec=spec))
    return calls if segments == 1 else [*calls, *totals(caps, y, target, scale=scale)]


def sumsq(caps: DeviceCaps, y: Memory, x: Memory) -> list[Call]:
    return totals(caps, y, x, square=True)


KERNELS = {"sum_cols": sum_cols, "sumsq": sumsq}

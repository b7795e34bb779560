"""How a matrix is shared out: rows among invocations, or blocks of rows where columns are summed.

On a GPU several neighbouring invocations take one row together and join what they found in shared
memory. A software driver runs one invocation per row faster than any number of them with barriers.
Rows are taken in pieces where the matrix is larger than a shader may see at once; what belongs to
the rows (a mean, a target) is bound whole, and the shader gets the number of the first.
Read next: `sums.py`, then `normalization.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rinzler_vulkan.call import Call, Grid, Number, Operand, Scratch, flat
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory

MOST = 256  # invocations of a workgroup, as rows.glsl and columns.glsl have room for
SOFTWARE = 32  # invocations of a workgroup on a software driver: several for every core
ROW_OF_LANE = 8  # elements of a row that are worth a lane of their own
SLICES = 8  # of a block of rows
BLOCK = 256  # rows that one workgroup sums
ALIGNED = 64  # rows of a piece: so many that every piece of a matrix begins at a whole 256 bytes


class Piece(NamedTuple):
    """Some rows of a matrix."""

    first: int
    rows: int
    cols: int

    def of(self, x: Memory) -> Memory:
        """These rows of `x`, or all of it where they are all."""
        size = self.rows * self.cols
        return x if x.size == size else x.part(self.first * self.cols, size)


def row_pieces(caps: DeviceCaps, x: Memory, each: int = ALIGNED) -> Iterator[Piece]:
    """The rows of `x` (R, C) in as few pieces as a shader may see, each of whole `each` but the
    last."""
    rows, cols = x.shape
    most = max(caps.max_range // (4 * cols) // each * each, each)
    for first in range(0, rows, most):
        yield Piece(first, min(most, rows - first), cols)


def power_of_two(least: int) -> int:
    """The smallest that is not below."""
    return 1 << max(least - 1, 0).bit_length()


def invocations(caps: DeviceCaps) -> int:
    """Of a workgroup: a power of two."""
    most = min(MOST, caps.max_invocations)
    return SOFTWARE if caps.barrier_free else power_of_two(most // 2 + 1)


def along_rows(
    caps: DeviceCaps, rows: int, cols: int, **more: Number
) -> tuple[Grid, dict[str, Number]]:
    """Grid and constants of a shader that includes rows.glsl."""
    size = invocations(caps)
    lanes = 1 if caps.barrier_free else min(power_of_two(-(-cols // ROW_OF_LANE)), size)
    spec: dict[str, Number] = {"LOCAL_X": size, "LANES": lanes, "VECTOR": cols % 4 == 0}
    return flat(rows, size // lanes), {**spec, **more}


def down_columns(caps: DeviceCaps, rows: int, cols: int) -> tuple[Grid, dict[str, Number]]:
    """Grid and constants of a shader that includes columns.glsl, for blocks of BLOCK rows."""
    size = 8 if caps.barrier_free else invocations(caps)
    slices = 1 if caps.barrier_free else SLICES
    fours = -(-cols // 4)
    grid = (-(-fours // (size // slices)), -(-rows // BLOCK), 1)
    return grid, {"LOCAL_X": size, "SLICES": slices, "VECTOR": cols % 4 == 0}


def sums_of_lines(
    caps: DeviceCaps, y: Memory, x: Operand, rows: int, accumulate: bool = False
) -> Sequence[Call]:
    """y (C,) = Σ over the rows of x (rows, C), or += where `accumulate`; x fits one binding."""
    cols = y.size
    blocks = -(-rows // BLOCK)
    grid, spec = down_columns(caps, rows, cols)
    push = {"rows": rows, "cols": cols, "block": BLOCK, "first": 0}
    if blocks == 1:
        push["accumulate"] = int(accumulate)
        return [Call("sum_cols", (y, x), grid, push=push, spec=spec)]
    push["accumulate"] = 0
    lines = Scratch((blocks, cols))
    first = Call("sum_cols", (lines, x), grid, push=push, spec=spec)
    return [first, *sums_of_lines(caps, y, lines, blocks, accumulate)]

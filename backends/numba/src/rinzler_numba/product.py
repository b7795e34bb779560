"""Matrix products inside of kernels: the loops around `microkernel.tile`, and where to cut.

A block of the launcher gets a range of rows and columns of the result and computes it alone, over
the whole inner axis. No two blocks write to one place, and how many blocks there are changes no
bit, because each element is one sum in the order of k.

Rows of B and C have to be contiguous. B transposed, as in x @ wᵀ, is straightened first, by a
launch of its own: B is the smaller operand, and used by every block. Read next: `matmul.py`.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from rinzler_numba.compiling import Launch
from rinzler_numba.memory import Memory
from rinzler_numba.microkernel import COLUMNS, ROWS, tile
from rinzler_numba.movement import transposed
from rinzler_numba.native import share

DEPTH = 384  # steps of k at a time: a panel of B, COLUMNS wide, then stays in the level 2 cache
BLOCK_FLOPS = 1_500_000  # about 15 µs: less would be lost in launching, more leaves cores idle
MOST_BLOCKS = 64


@register_jitable
def product(
    m: int, n: int, k: int, a: int, a_row: int, a_step: int, b: int, b_step: int,
    start: int, start_row: int, c: int, c_row: int,
) -> None:  # fmt: skip
    """C (m, n) = start + A (m, k) @ B (k, n); addresses, and bytes between rows and steps."""
    for first in range(0, max(k, 1), DEPTH):
        depth = min(DEPTH, k - first)
        for j in range(0, n, COLUMNS):
            columns = min(COLUMNS, n - j)
            for i in range(0, m, ROWS):
                rows = min(ROWS, m - i)
                corner = c + i * c_row + 4 * j
                begin = corner if first != 0 else start + i * start_row + 4 * j
                if first == 0 and start == 0:
                    begin = 0
                left = a + i * a_row + first * a_step
                right = b + first * b_step + 4 * j
                step = c_row if first != 0 else start_row
                tile(
                    rows, columns, depth, left, a_row, a_step, right, b_step, begin, step,
                    corner, c_row,
                )  # fmt: skip


@register_jitable
def part(m: int, n: int, block: int, down: int, across: int) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of a block, in a result cut into down · across blocks."""
    top, bottom = share(m, block % down, down, ROWS)
    left, right = share(n, block // down, across, COLUMNS)
    return top, bottom, left, right


def cut(m: int, n: int, k: int) -> tuple[int, int]:
    """(parts of the rows, parts of the columns) for a product (m, k) @ (k, n)."""
    wanted = max(1, min(MOST_BLOCKS, 2 * m * n * k // BLOCK_FLOPS))
    rows, columns = -(-m // ROWS), -(-n // COLUMNS)
    down = min(wanted, rows) if m >= n else 1
    across = min(-(-wanted // down), columns)
    if m < n:
        down = min(-(-wanted // across), rows)
    return down, across


_straight = np.empty(0, np.float32)


def straightened(b: Memory) -> tuple[Launch, np.ndarray]:
    """The launch that writes bᵀ, of each of a batch, and where to.

    One piece of memory serves all: a table of more than one launch has the launcher to itself.
    """
    global _straight  # noqa: PLW0603 - older launches keep the smaller one that it replaces
    if _straight.size < b.size:
        _straight = np.empty(b.size, np.float32)
    rows, columns = b.shape[-2:]
    batch = b.size // (rows * columns)
    return transposed(_straight, b.address, batch, rows, columns), _straight

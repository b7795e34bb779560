"""`take_rows` and its gradient `add_rows`. The formulas: `rinzler.ops.gather`.

Looking up is copying. Adding is the harder half: ids repeat, so two blocks must not share rows by
ids. They share them by columns: each block walks through all ids, in order, and adds its own
columns of each row. So every sum has the order of the ids, whatever the number of blocks.

Ids are trusted; core has compared them with the table's length. Read next: `activation.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler_numba.apart import load, reload, store
from rinzler_numba.blocks import pieces, row_blocks
from rinzler_numba.compiling import Launch, kernel
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import copy, integers, share

LANES = 16  # columns of a cache line: two blocks should not write to the same one
NARROWEST, MOST = 32, 16  # columns of a block; blocks: each of them reads all the ids
SHORT = 32  # a copy of a shorter row takes about as long


@kernel
def _take_rows(args: Any, block: int, blocks: int) -> None:
    ids = integers(args[2], args[3])
    width = 4 * args[4]
    first, last = share(args[3], block, blocks, 1)
    for k in range(first, last):
        copy(args[0] + k * width, args[1] + ids[k] * width, width)


@planned
def take_rows(y: Memory, table: Memory, ids: Memory) -> list[Launch]:
    width = table.shape[1]
    blocks = row_blocks(ids.size, max(width, SHORT))
    return [_take_rows(y, table, ids, ids.size, width, blocks=blocks)]


@kernel
def _add_rows(args: Any, block: int, blocks: int) -> None:
    ids = integers(args[1], args[3])
    width = args[4]
    start, stop = share(width, block, blocks, LANES)
    for k in range(len(ids)):
        out = args[0] + 4 * (ids[k] * width + start)
        row = args[2] + 4 * (k * width + start)
        for c in range(stop - start):
            store(out, c, reload(out, c) + load(row, c))


@planned
def add_rows(out: Memory, ids: Memory, rows: Memory) -> list[Launch]:
    width = out.shape[1]
    blocks = max(1, min(width // NARROWEST, MOST, pieces(rows.size)))
    return [_add_rows(out, ids, rows, ids.size, width, blocks=blocks)]


KERNELS = {"take_rows": take_rows, "add_rows": add_rows}

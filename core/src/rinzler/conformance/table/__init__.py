"""The rows of the case table: one file for each file of the op table.

Each holds `CASES`, a list of `Case`. To add a case, add a line there; its id must be new and stays.
Read next: `elementwise.py`.
"""

from rinzler.conformance.table import (
    attention,
    cached,
    elementwise,
    gather,
    matmul,
    movement,
    normalization,
    reduce,
    update,
)

__all__ = [
    "attention",
    "cached",
    "elementwise",
    "gather",
    "matmul",
    "movement",
    "normalization",
    "reduce",
    "update",
]

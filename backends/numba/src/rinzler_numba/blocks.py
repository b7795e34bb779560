"""Into how many blocks work is cut: a function of the shapes alone, never of the threads.

That is what makes results independent of the number of threads. Too few blocks leave cores idle,
too many cost more than they spread: a block should take some tens of microseconds.
Read next: `launcher.py`.
"""

from __future__ import annotations

MOST = 64
GRAIN = 8192  # elements of a cheap elementwise loop: about 2 µs, or 32 KB


def pieces(n: int, cost: float = 1.0) -> int:
    """Blocks for n elements, each `cost` times as expensive as an addition."""
    return max(1, min(MOST, int(n * cost) // GRAIN))


def row_blocks(rows: int, columns: int, cost: float = 1.0) -> int:
    """Blocks of whole rows."""
    return min(rows, pieces(rows * columns, cost))

"""The case table: about a dozen calls of every op, on which all backends are measured.

Everything that a kernel can get wrong has a row: one element, odd sizes, sizes on both sides of a
tile's edge, long rows, ids that repeat, absent operands, infinities and NaN. The rows themselves
stand in `table/`. Read next: `oracle.py`, what each must give.
"""

from __future__ import annotations

from rinzler.conformance import table
from rinzler.conformance.case import Case

CASES: tuple[Case, ...] = (
    *table.elementwise.CASES,
    *table.movement.CASES,
    *table.reduce.CASES,
    *table.matmul.CASES,
    *table.gather.CASES,
    *table.normalization.CASES,
    *table.attention.CASES,
    *table.cached.CASES,
    *table.update.CASES,
)


def cases_of(op: str) -> list[Case]:
    """The cases of one op, in the order of the table."""
    return [case for case in CASES if case.op == op]

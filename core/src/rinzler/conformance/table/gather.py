"""Cases of `take_rows` and `add_rows`: ids that repeat, ids of any shape, one-column tables.

Read next: `normalization.py`.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

from rinzler.conformance.case import (
    Case,
    Values,
    case,
    every,
    floats,
    ids,
    integers,
    listed,
    shape_name,
)

# Rows of the table, width, shape of the ids.
LOOKUPS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (1, 1, (1,)),
    (7, 5, ()),
    (7, 1, (3,)),
    (1, 7, (5,)),
    (33, 31, (32,)),
    (31, 33, (129,)),
    (127, 7, (3, 5)),
    (1031, 3, (7,)),
    (5, 1031, (7,)),
    (128, 128, (2, 33)),
    (7, 5, (2, 3, 5)),
)


def permuted(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
    """Each id once, in any order."""
    return rng.permutation(shape[0])


def lookup(
    op: str,
    name: str,
    count: int,
    width: int,
    shape: tuple[int, ...],
    which: Values,
    mark: str = "",
) -> Case:
    """A call of `take_rows` or `add_rows` on a table of `count` rows, with ids of this shape."""
    table = floats((count, width))
    where = integers(shape, which)
    marks = [mark] if mark else []
    if op == "take_rows":
        return case(op, name, table, where, marks=marks)
    rows = floats((*shape, width))
    return case(op, name, where, rows, reads={0: table}, marks=marks)


def lookups(op: str) -> list[Case]:
    cases = [
        lookup(op, f"{count}x{width}-{shape_name(shape)}", count, width, shape, ids(count))
        for count, width, shape in LOOKUPS
    ]
    # The same id 129 times, four ids 4099 times, and each id once.
    cases.append(lookup(op, "7x5-one-id-129", 7, 5, (129,), every(3), "repeats"))
    cases.append(lookup(op, "4x3-four-ids-4099", 4, 3, (4099,), ids(4), "repeats"))
    cases.append(lookup(op, "33x7-each-once", 33, 7, (33,), permuted))
    cases.append(lookup(op, "33x7-last-only", 33, 7, (1,), every(32)))
    return cases


def extremes() -> list[Case]:
    """An infinite row reaches its own id alone: by a product with 0 and 1 all others were NaN."""
    ids_of = integers((3,), listed(2, 0, 0))
    rows = floats((3, 1), listed(inf, 1.0, 2.0))
    start = floats((3, 1), every(0.0))
    table = floats((3, 1), listed(1.0, inf, nan))
    return [
        case("add_rows", "infinite-row", ids_of, rows, reads={0: start}, marks=["extreme"]),
        case("take_rows", "infinite-row", table, ids_of, marks=["extreme"]),
    ]


CASES = [*lookups("take_rows"), *lookups("add_rows"), *extremes()]

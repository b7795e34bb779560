"""Generated cases: the same ops at sizes and values that nobody picked.

The table holds what people thought of. `generated("matmul", 1234)` is the 1234th of endlessly many
cases of an op, "matmul/gen-1234", and depends on nothing but those two words: any case that failed
on any machine can be run again, alone, by its id. One file for each file of the op table, each with
`DRAWS`, op -> `draw(Draw) -> Case`.

Leaves out: arrays without elements, which core keeps from kernels. Read next: `drawing.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from rinzler.conformance.case import Case
from rinzler.conformance.drawn import elementwise, layers, movement, rows
from rinzler.conformance.drawn.drawing import Draw, Drawing
from rinzler.errors import ConfigError

DRAWS: dict[str, Drawing] = {
    **elementwise.DRAWS,
    **movement.DRAWS,
    **rows.DRAWS,
    **layers.DRAWS,
}
PREFIX = "gen-"


def generated(op: str, index: int) -> Case:
    """Case `index` of an op, from 0 on."""
    rng = np.random.default_rng(list(f"{op}/{PREFIX}{index}".encode()))
    return replace(DRAWS[op](Draw(rng)), name=f"{PREFIX}{index}")


def spread(total: int) -> Iterator[Case]:
    """So many cases, the same number for each op but for the remainder."""
    share, rest = divmod(total, len(DRAWS))
    for number, op in enumerate(DRAWS):
        for index in range(share + (number < rest)):
            yield generated(op, index)


def parsed(name: str) -> tuple[str, int] | None:
    """("matmul", 1234) of "matmul/gen-1234"; None for what is no such id.

    Raises ConfigError for an op that there is not.
    """
    op, slash, index = name.partition(f"/{PREFIX}")
    if not slash or not (index.isascii() and index.isdecimal()):
        return None
    if op not in DRAWS:
        raise ConfigError(f"{name}: there is no op {op!r}; the ops are {', '.join(DRAWS)}")
    return op, int(index)

"""Facts about backends and machines in lines of text: for `doctor` and `backends -v`.

Read next: `doctor.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rinzler.ops import Fact


def lines_of(facts: Sequence[Fact]) -> list[str]:
    """One line for each, with the advice below: names in a column."""
    lines = []
    width = max([10, *(len(fact.name) for fact in facts)])
    for fact in facts:
        lines.append(f"{fact.name:<{width}} {fact.value}")
        if fact.advice:
            lines.append(f"{'':<{width}} → {fact.advice}")
    return lines

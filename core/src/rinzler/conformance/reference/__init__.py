"""The oracle's answers: one file of formulas for each file of the op table.

Each holds `REFERENCES`, op name -> `reference(outs, *ins, **attrs)`. They work in `Bounded`
arithmetic (float64 with error bounds) and call neither a backend nor the op table's defaults.
Read next: `elementwise.py`.
"""

from rinzler.conformance.reference import (
    attention,
    cached,
    elementwise,
    movement,
    normalization,
    reduce,
    update,
)

__all__ = ["attention", "cached", "elementwise", "movement", "normalization", "reduce", "update"]

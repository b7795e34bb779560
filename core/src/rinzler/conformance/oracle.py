"""What each case must give, and how a result is judged.

The references (`reference/`) are written from the formulas, in float64 numpy, and call neither a
backend nor a default of the op table: three independent ways to the same number. A result is judged
by its worst element, never by a mean: a mean over a million elements hides one that is wrong by a
third (its square counts 1e-7 then). The bound belongs to the case and is the same for every
backend. NaN must meet NaN, and inf must meet inf of the same sign.

Read next: `run.py`, which puts a device in front of this judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np

from rinzler.conformance import reference
from rinzler.conformance.bounded import PRECISIONS, Bounded, Precision, Reference
from rinzler.conformance.case import Case

REFERENCES: dict[str, Reference] = {
    **reference.elementwise.REFERENCES,
    **reference.movement.REFERENCES,
    **reference.reduce.REFERENCES,
    **reference.normalization.REFERENCES,
    **reference.attention.REFERENCES,
    **reference.cached.REFERENCES,
    **reference.update.REFERENCES,
}


@dataclass(frozen=True)
class Expected:
    """One output: its values, and how far each may be off; None: not at all, to the bit."""

    values: np.ndarray
    bound: np.ndarray | None


@dataclass(frozen=True)
class Verdict:
    """How an output did: its worst element, as a multiple of what its bound allows."""

    ratio: float  # 0: exact; up to 1: within the bound; inf: NaN or inf where it must not be
    index: tuple[int, ...] = ()
    got: float = 0.0
    want: float = 0.0
    bound: float = 0.0
    wrong: int = 0  # elements beyond their bounds
    size: int = 0  # elements in all
    # In which box of indices these lie: for each axis the first and the last; () where all is well.
    box: tuple[tuple[int, int], ...] = ()

    @property
    def ok(self) -> bool:
        return self.ratio <= 1.0

    def __str__(self) -> str:
        place = ", ".join(str(k) for k in self.index)
        return f"[{place}] is {self.got!r}, expected {self.want!r} ± {self.bound:.3g}"


def expected(case: Case, dtype: str, ins: list[Any], reads: dict[int, Any]) -> list[Any]:
    """An `Expected` for each output of a case in `dtype`, None where it is not wanted."""
    precision = PRECISIONS[dtype]
    outs = tuple(_operand(reads.get(index), precision) for index in range(3))
    operands = [_operand(x, precision) for x in ins]
    with np.errstate(all="ignore"):
        answers = REFERENCES[case.op](outs, *operands, **case.attrs_for(dtype))
        return [_finished(answer, precision) for answer in answers]


def _operand(x: Any, precision: Precision) -> Any:
    """Floats as exactly known values; ids as they are; absent operands stay so."""
    if x is None or x.dtype.kind != "f":
        return x
    return Bounded.exact(x, precision)


def _finished(answer: Any, precision: Precision) -> Expected | None:
    if answer is None:
        return None
    if isinstance(answer, np.ndarray):
        return Expected(answer, None)
    value = answer.value
    overflown = np.isfinite(value) & (abs(value) > precision.largest)
    values = np.where(overflown, np.copysign(inf, value), value)
    return Expected(values, np.where(overflown, 0.0, answer.error))


def judge(got: np.ndarray, want: np.ndarray, bound: np.ndarray | None) -> Verdict:
    """Compare element by element; `bound` None means bit for bit, where NaN matches any NaN."""
    if got.shape != want.shape:
        return Verdict(inf, (), nan, nan, 0.0)
    if not got.size:
        return Verdict(0.0)
    if bound is None:
        ratio = np.where(_same_bits(got, want.astype(got.dtype)), 0.0, inf)
        bound = np.zeros(got.shape)
    else:
        bound = np.broadcast_to(bound, got.shape)
        ratio = _ratios(got, want, bound)
    worst = int(np.argmax(ratio))  # the first one
    index = tuple(int(k) for k in np.unravel_index(worst, got.shape))
    found = (float(ratio[index]), index, got[index].item(), want[index].item(), bound[index])
    if found[0] <= 1.0:
        return Verdict(*found)
    places = np.argwhere(ratio > 1.0)  # (wrong, axes)
    sides = zip(places.min(axis=0).tolist(), places.max(axis=0).tolist(), strict=True)
    return Verdict(*found, wrong=len(places), size=got.size, box=tuple(sides))


def _same_bits(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    words = f"u{got.itemsize}"
    same = got.view(words) == np.array(want, order="C").view(words)
    return same if got.dtype.kind != "f" else same | (np.isnan(got) & np.isnan(want))


def _ratios(got: np.ndarray, want: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """|got − want| / bound; equal is 0 also where the bound is 0; NaN and inf: right or wrong."""
    with np.errstate(all="ignore"):  # memory never written may hold signalling NaN
        got = got.astype(np.float64)
        ratio = abs(got - want) / bound
    finite = np.isfinite(got) & np.isfinite(want)
    ratio = np.where(finite, ratio, inf)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    return np.where(same, 0.0, ratio)

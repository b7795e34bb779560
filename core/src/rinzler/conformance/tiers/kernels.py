"""The tiers `kernels` and `fused`: every op gives the oracle's numbers, in every dtype held.

A required op has one way to be computed. Any other has two, the backend's kernel, where it has one,
and core's default on the backend's required kernels; both are judged, each by the same bounds, so
that a forward of one kind may meet a backward of the other. Fences, outputs full of NaN, and
untouched inputs are looked at in every case.

Leaves out: operands that lie on or beside each other (`memory.py`), but for generated cases, which
do that as well. Read next: `memory.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rinzler.conformance.case import Case
from rinzler.conformance.cases import CASES
from rinzler.conformance.check import Check, Outcome, attempted, gathered
from rinzler.conformance.subject import Subject
from rinzler.ops import OPS


def required() -> Iterator[Check]:
    yield from (of_row(case) for case in CASES if OPS[case.op].required)


def fused() -> Iterator[Check]:
    yield from (of_row(case) for case in CASES if not OPS[case.op].required)


def tier_of(case: Case) -> str:
    return "kernels" if OPS[case.op].required else "fused"


def of_row(case: Case) -> Check:
    """A row of the table: in every dtype, by kernel and by default."""

    def run(subject: Subject) -> Outcome:
        ways = (True,) if OPS[case.op].required else ways_of(subject, case)
        return gathered(
            attempted(subject, case, dtype, fused=way, aliases=False)
            for dtype in subject.dtypes
            for way in ways
        )

    return Check(f"{tier_of(case)}/{case.id}", run)


def ways_of(subject: Subject, case: Case) -> tuple[bool, ...]:
    """By kernel and by default; by default alone where there is no kernel."""
    return (True, False) if case.op in subject.backend.kernels else (False,)


def of_drawn(case: Case) -> Check:
    """A generated case: in one dtype after the other, all operands side by side, each alias."""

    def run(subject: Subject) -> Outcome:
        dtypes = subject.dtypes
        number = int(case.name.rpartition("-")[2])
        dtype = dtypes[number % len(dtypes)]
        return gathered([attempted(subject, case, dtype, together=True)])

    return Check(f"{tier_of(case)}/{case.id}", run, drawn=True)

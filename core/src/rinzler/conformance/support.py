"""Which ops a backend has kernels for, and what it would gain by more.

An op without a kernel runs as core's default, a chain of required kernels. How long that chain is,
counted by running it, says what a kernel of its own would save. Read next: `perf.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rinzler.conformance.case import Case
from rinzler.conformance.cases import cases_of
from rinzler.conformance.run import Known
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers.determinism import bits
from rinzler.ops import OPS, Device, no_fused
from rinzler.ops.recording import Recorder


@dataclass(frozen=True)
class Support:
    """An op, and how many of its cases run by the backend's own kernel."""

    op: str
    required: bool
    kernel: bool  # there is one
    taken: int  # cases of the table that it takes
    cases: int
    chain: int  # kernels that core's default runs instead; 0 for a required op

    @property
    def how(self) -> str:
        if not self.kernel:
            return "missing" if self.required else "default"
        return "kernel" if self.taken == self.cases else "in part"


def supported(subject: Subject, dtype: str) -> list[Support]:
    """A row for each op of the table."""
    rows = []
    for op, row in OPS.items():
        cases = cases_of(op)
        kernel = op in subject.backend.kernels
        taken = sum(kernel and takes(subject, case, dtype) for case in cases)
        chain = 0 if row.required else chain_of(subject.fresh(), cases[len(cases) // 2], dtype)
        rows.append(Support(op, row.required, kernel, taken, len(cases), chain))
    return rows


def takes(subject: Subject, case: Case, dtype: str) -> bool:
    if OPS[case.op].required:
        return True
    ins, _ = case.data(dtype)
    return subject.backend.supports(case.op, [None if x is None else Known(x) for x in ins])


def chain_of(device: Device, case: Case, dtype: str) -> int:
    """How many kernels the default of an op runs, uploads and constants aside."""
    return len(ran_by_default(device, case, dtype))


def ran_by_default(device: Device, case: Case, dtype: str) -> list[str]:
    """The kernels that the default of an op runs for a case, in order."""
    ran: list[str] = []

    class Counting(Recorder):
        """A recorder that lets everything pass, and counts."""

        def note(self, op: str, *call: object) -> None:
            ran.append(op)

        def refuse_reading(self) -> None: ...

        def refuse_writing(self) -> None: ...

    with no_fused():
        bits(device, case, dtype)  # constants are made once; a step does not make them again
        try:
            device.recorder = Counting()
            bits(device, case, dtype)
        finally:
            device.recorder = None
    return ran


def next_to_write(rows: list[Support]) -> list[Support]:
    """Ops that fall to their default, the longest chain first."""
    missing = [row for row in rows if row.how in ("default", "missing")]
    return sorted(missing, key=lambda row: (not row.required, -row.chain, row.op))

"""What came of a case: `Failure`, `Attempt` and `Result`.

A case is attempted once as it stands and once more for each input that the output may overwrite.
Each failure is kept in words, which are printed, and in kind, operand and verdict, so that many
failures of an op can be told as one (`traits.py`).

Leaves out: how they come about (`run.py`). Read next: `common.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rinzler.conformance.case import Case
from rinzler.conformance.oracle import Verdict

UNWRITTEN = "never written, or read past an end (nan)"
WRONG = "wrong numbers"
ASTRAY = "memory around it written"
HARMED = "written though it is an input"
RAISED = "raised"


@dataclass(frozen=True)
class Failure:
    """What was wrong with one operand after a call."""

    text: str  # one line: "y[3] is 1.0, expected 0.0 ± 0"
    kind: str  # UNWRITTEN, WRONG, ASTRAY, HARMED or RAISED
    operand: str = ""
    verdict: Verdict | None = None  # of an output's numbers

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Attempt:
    """One call of a case."""

    over: str  # the input that the first output lay over; "": its own memory
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a device did on one case."""

    case: Case
    dtype: str
    fused: bool  # False: core's default was forced
    ratio: float  # the worst observed error over its bound, of all outputs and attempts
    attempts: tuple[Attempt, ...]
    together: bool = False  # all operands in one piece of memory

    @property
    def failures(self) -> tuple[Failure, ...]:
        return tuple(failure for attempt in self.attempts for failure in attempt.failures)

    @property
    def ok(self) -> bool:
        return not self.failures

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each failure; a drawn case, which no table shows, also says what it is."""
        lines = [f"{self.how}: {failure}" for failure in self.failures]
        drawn = lines and "/gen-" in self.case.id
        return (*lines, *([f"{self.case.id} has {self.case.shapes}"] if drawn else []))

    @property
    def how(self) -> str:
        return f"{self.case.id} {self.dtype}" + ("" if self.fused else " no_fused")

    def __str__(self) -> str:
        if self.ok:
            return f"{self.how}: ok, worst error {self.ratio:.2g} of its bound"
        return "\n".join(self.lines)

"""`Check`: one thing that a backend has to get right, by a stable id, and how it went.

Every door (pytest, `rinzler check`) runs the same list of checks, which is data: an id, and a
function of a `Subject`. Ids do not depend on the backend, its dtypes or this machine:
"kernels/matmul/33x7x31-ta" is a row of the case table, "kernels/matmul/gen-1234" a generated one.

Leaves out: which checks there are (`tiers/`). Read next: `runner.py`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from rinzler.conformance.case import Case
from rinzler.conformance.result import RAISED, Attempt, Failure, Result
from rinzler.conformance.run import run_case
from rinzler.conformance.subject import Subject
from rinzler.errors import RinzlerError


@dataclass(frozen=True)
class Outcome:
    """How a check went: what failed, in words, and the worst error as a share of its bound."""

    failures: tuple[str, ...] = ()
    ratio: float = 0.0
    results: tuple[Result, ...] = ()  # of a check that is a case: how each way to run it went

    @property
    def ok(self) -> bool:
        return not self.failures


@dataclass(frozen=True)
class Check:
    """One check; `run` raises nothing that it means to say."""

    id: str  # TIER/SUBJECT/NAME, or TIER/NAME
    run: Callable[[Subject], Outcome]
    drawn: bool = False  # from a generator: one of thousands, not a row of a table

    @property
    def tier(self) -> str:
        return self.id.partition("/")[0]

    @property
    def short(self) -> str:
        """The id without its tier, which is that of a case: "matmul/gen-1234"."""
        return self.id.partition("/")[2]

    def matches(self, wanted: str) -> bool:
        """Whether an id, a short id or a pattern of either means this check."""
        return any(name == wanted or fnmatchcase(name, wanted) for name in (self.id, self.short))


def outcome_of(check: Check, subject: Subject) -> Outcome:
    """Run a check; what it raises is a failure with the last line of its traceback."""
    try:
        return check.run(subject)
    except RinzlerError as error:
        return Outcome((str(error),))
    except (Exception, SystemExit) as error:
        return Outcome((described(error, package_of(subject)),))


def package_of(subject: Subject) -> str:
    """The folder of the backend's own package; empty where there is no backend yet."""
    try:
        module = sys.modules[type(subject.backend).__module__.partition(".")[0]]
    except Exception:  # making it is what went wrong
        return ""
    return str(Path(module.__file__).parent) if module.__file__ else ""


def described(error: BaseException, package: str = "") -> str:
    """An error and the place that raised it, on one line: the last one in the author's package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if package and frame.filename.startswith(package)]
    place = (own or frames)[-1]
    message = " ".join(str(error).split())
    return f"raised {type(error).__name__}: {message} ({place.filename}, line {place.lineno})"


def attempted(subject: Subject, case: Case, dtype: str, **how: bool) -> Result:
    """`run_case`, where what a kernel raises is a result like any other."""
    device = subject.device  # a backend that cannot be one is no failure of this case
    try:
        return run_case(device, case, dtype, **how)
    except RinzlerError as error:
        text = str(error)
    except (Exception, SystemExit) as error:
        text = described(error, package_of(subject))
    attempt = Attempt("", (Failure(text, RAISED),))
    return Result(case, dtype, how.get("fused", True), 0.0, (attempt,), how.get("together", False))


def gathered(results: Iterable[Result]) -> Outcome:
    """Results of cases as one outcome: all failures, the worst ratio."""
    results = tuple(results)
    failures = tuple([line for result in results if not result.ok for line in result.lines])
    return Outcome(failures, max((result.ratio for result in results), default=0.0), results)

"""Run checks on a subject and keep the score.

`run` is what both doors call. It yields each check as it is done, so that a caller can print, and
returns nothing: the score is in the `Score` that it was given. Known failures (`known.py`) are
counted apart; those that no longer fail, or mean nothing, are failures of their own at the end.
Read next: `report.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from rinzler.conformance.check import Check, Outcome, outcome_of
from rinzler.conformance.known import Known
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import NAMES, beyond

FAILED, KNOWN, PASSED = "failed", "known", "passed"


@dataclass
class Tally:
    """How a tier did."""

    checks: int = 0
    drawn: int = 0  # of these, from generators
    failed: int = 0
    known: int = 0
    seconds: float = 0.0
    worst: float = 0.0  # error over bound, of what passed
    worst_id: str = ""


@dataclass(frozen=True)
class Done:
    """A check that was run."""

    check: Check
    outcome: Outcome
    state: str  # FAILED, KNOWN or PASSED


@dataclass
class Score:
    """All that a run came to."""

    tiers: dict[str, Tally] = field(default_factory=dict)
    failures: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by id
    excused: dict[str, str] = field(default_factory=dict)  # by id: the reason
    ran: set[str] = field(default_factory=set)  # ids
    done: list[Done] = field(default_factory=list)  # all, in order

    @property
    def ok(self) -> bool:
        return not self.failures

    @property
    def checks(self) -> int:
        return sum(tally.checks for tally in self.tiers.values())

    @property
    def drawn(self) -> int:
        return sum(tally.drawn for tally in self.tiers.values())


def run(
    subject: Subject, checks: Iterable[Check], score: Score, known: Sequence[Known] = ()
) -> Iterator[Done]:
    """Each check in turn; `score` grows along."""
    for check in checks:
        tally = score.tiers.setdefault(check.tier, Tally())
        start = perf_counter()
        outcome = outcome_of(check, subject)
        tally.seconds += perf_counter() - start
        tally.checks += 1
        score.ran.add(check.id)
        tally.drawn += check.drawn
        done = Done(check, outcome, _state(check, outcome, known))
        if done.state == FAILED:
            tally.failed += 1
            score.failures[check.id] = outcome.failures
        elif done.state == KNOWN:
            tally.known += 1
            score.excused[check.id] = next(each.reason for each in known if each.covers(check))
        elif outcome.ratio > tally.worst:
            tally.worst, tally.worst_id = outcome.ratio, check.id
        score.done.append(done)
        yield done


def _state(check: Check, outcome: Outcome, known: Sequence[Known]) -> str:
    if outcome.ok:
        return PASSED
    return KNOWN if any(each.covers(check) for each in known) else FAILED


def with_known(checks: Iterable[Check], known: Sequence[Known]) -> list[Check]:
    """The checks, and the generated ones that an entry names beyond their number."""
    listed = {check.id: check for check in checks}
    tiers = {check.tier for check in listed.values()}
    for each in known:
        if not any(each.covers(check) for check in listed.values()):
            listed |= {check.id: check for check in beyond(each.id) if check.tier in tiers}
    return list(listed.values())


def settle(score: Score, checks: Sequence[Check], known: Sequence[Known]) -> None:
    """Add the entries that excuse nothing, as far as what was run can tell."""
    for each in known:
        covered = [check.id for check in checks if each.covers(check)]
        if not covered and set(NAMES) <= set(score.tiers):
            score.failures[f"known/{each.id}"] = ("this known failure means no check: mend its id",)
        elif covered and score.ran >= set(covered) and not score.excused.keys() & set(covered):
            score.failures[f"known/{each.id}"] = (
                "this known failure passes now: take it out of the list",
            )

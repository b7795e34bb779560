"""Failures as an author wants them: one group for each op, and one for each cause that is plain.

One wrong kernel fails in hundreds of cases, in four tiers, and, where core's defaults run it, in
other ops as well. `told` makes of a score: checks that all say the same (a required kernel is
missing), ops with their smallest failing case and what failing calls have in common, ops that only
follow from others, and what concerns no op. Read next: `rinzler/cli/failures.py`, which prints it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from rinzler.conformance.cases import cases_of
from rinzler.conformance.common import Call, Common, common
from rinzler.conformance.result import Failure, Result
from rinzler.conformance.runner import FAILED, Done, Score
from rinzler.conformance.subject import Subject
from rinzler.conformance.support import ran_by_default
from rinzler.conformance.traits import traits_of
from rinzler.ops import OPS


@dataclass
class Group:
    """The checks of one op, of which some failed."""

    op: str
    done: list[Done] = field(default_factory=list)

    @property
    def failed(self) -> list[Done]:
        return [done for done in self.done if done.state == FAILED]

    @property
    def by_tier(self) -> list[tuple[str, int, int]]:
        """(tier, failed, run), of the tiers in which some failed."""
        run = Counter(done.check.tier for done in self.done)
        failed = Counter(done.check.tier for done in self.failed)
        return [(tier, failed[tier], run[tier]) for tier in run if failed[tier]]

    @cached_property
    def failing(self) -> list[tuple[Done, Result]]:
        """The results that failed, the smallest first."""
        found = [(done, each) for done in self.failed for each in done.outcome.results]
        found = [(done, each) for done, each in found if not each.ok]
        return sorted(found, key=lambda pair: (elements(pair[1]), pair[0].check.drawn))

    @property
    def kinds(self) -> list[tuple[str, str, int]]:
        """(operand, what is wrong with it, in how many calls), the most frequent first."""
        found: Counter[tuple[str, str]] = Counter()
        for _, result in self.failing:
            for attempt in result.attempts:
                found.update({(each.operand, each.kind) for each in attempt.failures})
        ranked = sorted(found.items(), key=lambda each: (-each[1], each[0]))
        return [(operand, kind, count) for (operand, kind), count in ranked]

    @property
    def common(self) -> Common | None:
        calls = [
            Call(result.case.id, bool(attempt.failures), traits_of(result, attempt))
            for done in self.done
            for result in done.outcome.results
            for attempt in result.attempts
        ]
        return common(calls)

    @property
    def calls(self) -> int:
        return sum(len(result.attempts) for done in self.done for result in done.outcome.results)

    @property
    def failed_calls(self) -> int:
        return sum(bool(each.failures) for _, result in self.failing for each in result.attempts)


@dataclass(frozen=True)
class Told:
    """A score, sorted."""

    alike: dict[tuple[str, ...], list[Done]]  # lines that checks of several ops have in common
    ops: list[Group]
    follow: dict[str, list[str]]  # an op that fails by core's default alone: what that runs
    models: list[Done]  # checks of whole models, beside ops that fail
    others: list[Done]  # what concerns no op
    known: dict[str, tuple[str, ...]]  # entries of the list of known failures that are wrong


def told(score: Score, subject: Subject) -> Told:
    """Sort the failures of a score. Runs the defaults of ops that failed, and nothing else."""
    alike = _alike([done for done in score.done if done.state == FAILED])
    explained = {done.check.id for same in alike.values() for done in same}
    groups: dict[str, Group] = {}
    others = []
    for done in score.done:
        op = op_of(done)
        if op:
            groups.setdefault(op, Group(op)).done.append(done)
        elif done.state == FAILED and done.check.id not in explained:
            others.append(done)
    failed = [
        group
        for group in groups.values()
        if any(done.check.id not in explained for done in group.failed)
    ]
    follow = _follow(failed, subject)
    ops = [group for group in failed if group.op not in follow]
    models = [done for done in others if ops and _of_model(done)]
    others = [done for done in others if done not in models]
    known = {name: lines for name, lines in score.failures.items() if name.startswith("known/")}
    return Told(alike, ops, follow, models, others, known)


def op_of(done: Done) -> str:
    """The op that a check is about; "" where it is about something else."""
    name = done.check.short.partition("/")[0]
    return name if name in OPS and done.check.tier not in ("plugin", "bringup") else ""


def elements(result: Result) -> int:
    """How many elements all operands of a case have together."""
    case = result.case
    present = [x for x in (*case.ins, *case.reads.values()) if x is not None]
    return sum(prod(x.shape) for x in present) + prod(case.attrs.get("shape", ()))


def worst(result: Result) -> Failure:
    """The failure of a result that says most: of several outputs the one that is furthest off."""
    return max(
        result.failures, key=lambda each: each.verdict.ratio if each.verdict is not None else -1.0
    )


def _alike(failed: Sequence[Done]) -> dict[tuple[str, ...], list[Done]]:
    found: dict[tuple[str, ...], list[Done]] = {}
    for done in failed:
        if not done.outcome.results:
            found.setdefault(done.outcome.failures, []).append(done)
    return {lines: same for lines, same in found.items() if len({op_of(each) for each in same}) > 2}


def _follow(failed: Sequence[Group], subject: Subject) -> dict[str, list[str]]:
    """Ops whose failing calls all ran core's default, and which of the failing ops that runs."""
    kernels = subject.backend.kernels
    by_default = [
        group
        for group in failed
        if group.failing
        and not OPS[group.op].required
        and all(not each.fused or group.op not in kernels for _, each in group.failing)
    ]
    causes = [group.op for group in failed if group not in by_default]
    found = {}
    for group in by_default:
        case = cases_of(group.op)[len(cases_of(group.op)) // 2]
        try:
            chain = ran_by_default(subject.fresh(), case, subject.dtypes[0])
        except Exception:  # a kernel on the way raises, and has a group of its own
            chain = []
        ran = [op for op in causes if op in chain]
        if ran:
            found[group.op] = ran
    return found


def _of_model(done: Done) -> bool:
    return done.check.tier in ("train", "generate") or done.check.short.startswith("gpt/")

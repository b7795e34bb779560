"""What `rinzler check` prints of a run that failed: for each op what, where, and how to repeat it.

    matmul     61 of 165 checks fail: kernels 48 of 132, memory 13 of 33
      where    M is no multiple of 32: all 122 such calls, none of the 208 others
      what     y: never written, or read past an end (nan)
      smallest kernels/matmul/2x33x5x33-tb float32
               a (2, 33, 5), b (2, 33, 5); ta=False, tb=True, accumulate=False
               y[0, 32, 0] is nan, expected 1.5 ± 1e-06; 66 of 2,178 wrong, in y[0..1, 32, 0..32]
      again    rinzler check mine 'kernels/matmul/2x33x5x33-tb'

Leaves out: how this is found (`conformance/grouped.py`). Read next: `check.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rinzler.cli.words import plural
from rinzler.conformance.check import Check
from rinzler.conformance.common import Common
from rinzler.conformance.grouped import Group, Told, worst
from rinzler.conformance.result import Failure, Result
from rinzler.conformance.runner import Done, Score

SHOWN = 10  # groups in full, and checks that are of no group
LONGEST = 3  # lines of each check
NAMED = 6  # words in a list
MARGIN = 11


def every_failure(name: str, score: Score) -> Iterator[str]:
    """All lines of all checks that failed, each with the command that repeats it."""
    for check, lines in score.failures.items():
        yield ""
        yield from of_check(name, check, lines, len(lines))


def by_group(name: str, told: Told) -> Iterator[str]:
    """The failures, each group with an empty line before it."""
    for lines, same in told.alike.items():
        tiers = dict.fromkeys(done.check.tier for done in same)
        yield ""
        yield f"{plural(len(same), 'check')} of {', '.join(tiers)} say the same:"
        yield from indented(lines[:LONGEST])
        yield again(name, same[0].check)
    # The first tiers come first here as well: what they say is often the cause of all others.
    early = [done for done in told.others if done.check.tier in ("plugin", "bringup")]
    yield from in_turn(name, early)
    for group in told.ops[:SHOWN]:
        yield ""
        yield from of_group(name, group)
    if len(told.ops) > SHOWN:
        yield ""
        yield f"more ops   {', '.join(group.op for group in told.ops[SHOWN:])}"
    yield from of_followers(told.follow)
    yield from of_models(told.models)
    yield from in_turn(name, [done for done in told.others if done not in early])
    for check, lines in told.known.items():
        yield ""
        yield from of_check(name, check, lines, LONGEST)


def of_group(name: str, group: Group) -> Iterator[str]:
    tiers = ", ".join(f"{tier} {failed:,} of {ran:,}" for tier, failed, ran in group.by_tier)
    failed, ran = len(group.failed), len(group.done)
    yield f"{group.op:<{MARGIN - 1}} {failed:,} of {plural(ran, 'check')} fail: {tiers}"
    if not group.failing:  # capture or determinism alone
        done = group.failed[0]
        yield from labelled("first", [done.check.id, *done.outcome.failures[:LONGEST]])
        yield again(name, done.check)
        return
    done, smallest = group.failing[0]
    yield from labelled("where", [where(group)])
    yield from labelled(
        "what", [f"{what}: {kind}" if what else kind for what, kind in whats(group)]
    )
    yield from labelled("smallest", [f"{done.check.id} {how(smallest)}", *of_case(smallest)])
    yield again(name, done.check)


def where(group: Group) -> str:
    """Which calls fail, as far as there is a plain answer."""
    if group.failed_calls == group.calls:
        return "every call" if group.calls > 1 else "the one call that was made"
    found = group.common
    if found is None:
        names = listed(list(dict.fromkeys(result.case.id for _, result in group.failing)))
        return f"{group.failed_calls:,} of {group.calls:,} calls, by no plain rule: {names}"
    return of_common(found)


def of_common(found: Common) -> str:
    if found.failing == found.obeying:
        share = f"all {found.failing:,} such calls"
    else:
        share = f"{found.failing:,} of {found.obeying:,} such calls"
    return f"{found.words}: {share}, none of the {found.others:,} others"


def whats(group: Group) -> list[tuple[str, str]]:
    """What goes wrong with which operand, the most frequent first."""
    return [(operand, kind) for operand, kind, _ in group.kinds[:LONGEST]]


def how(result: Result) -> str:
    return result.dtype if result.fused else f"{result.dtype}, by core's default"


def of_case(result: Result) -> Iterator[str]:
    """The operands of a case and what was wrong with it, in full."""
    yield result.case.shapes
    failure = worst(result)
    yield from f"{failure}{extent(failure)}".split("\n")
    more = len(result.failures) - 1
    if more:
        yield f"and {plural(more, 'line')} more about it"


def extent(failure: Failure) -> str:
    """How many elements are wrong, and in which box of indices: "; 3 of 9 wrong, in y[0..2, 1]"."""
    verdict = failure.verdict
    if verdict is None or not verdict.box:
        return ""
    sides = ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in verdict.box)
    return f"; {verdict.wrong:,} of {verdict.size:,} wrong, in {failure.operand}[{sides}]"


def of_followers(follow: dict[str, list[str]]) -> Iterator[str]:
    """Ops that fail by core's default alone, by what they have that fails above."""
    by_cause: dict[str, list[str]] = {}
    for op, causes in follow.items():
        by_cause.setdefault(", ".join(causes), []).append(op)
    for cause, ops in by_cause.items():
        yield ""
        yield f"followers  {listed(ops)}"
        yield f"{'':<{MARGIN}}fail by core's default alone, which runs {cause}: mend that first"


def of_models(models: Sequence[Done]) -> Iterator[str]:
    if models:
        tiers = Counter(done.check.tier for done in models)
        counts = ", ".join(f"{tier} {count}" for tier, count in tiers.items())
        yield ""
        yield f"models     {plural(len(models), 'check')} of whole models fail as well: {counts}"


def in_turn(name: str, failed: Sequence[Done]) -> Iterator[str]:
    for done in failed[:SHOWN]:
        yield ""
        yield from of_check(name, done.check.id, done.outcome.failures, LONGEST)
    if len(failed) > SHOWN:
        yield ""
        yield f"... and {plural(len(failed) - SHOWN, 'check')} more"


def listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def of_check(name: str, check: str, lines: Sequence[str], most: int) -> Iterator[str]:
    yield check
    yield from indented(lines[:most])
    if len(lines) > most:
        yield f"    ... and {plural(len(lines) - most, 'line')} more"
    if not check.startswith("known/"):
        yield f"    again: rinzler check {name} '{check}'"


def indented(lines: Sequence[str]) -> Iterator[str]:
    yield from ("    " + line.replace("\n", "\n    ") for line in lines)


def labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {label if number == 0 else '':<{MARGIN - 2}}{line}"


def again(name: str, check: Check) -> str:
    return f"  {'again':<{MARGIN - 2}}rinzler check {name} '{check.id}'"

"""Failures told op by op: what failing calls have in common, and what only follows from others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rinzler.cli.failures import by_group, every_failure, extent
from rinzler.conformance.altered import Altered
from rinzler.conformance.common import Call, common
from rinzler.conformance.grouped import Told, told, worst
from rinzler.conformance.known import Known
from rinzler.conformance.oracle import judge
from rinzler.conformance.result import WRONG, Failure
from rinzler.conformance.runner import Score, run, settle
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import checks, selected
from rinzler.conformance.traits import Traits
from rinzler.plugins import open_device

GOOD = open_device("numpy").backend.kernels


def altered(**replaced: Callable[..., None]) -> Subject:
    return Subject.of(Altered(open_device("numpy").backend, replaced=replaced))


def scored(subject: Subject, tiers: list[str], *ops: str, cases: int = 4400) -> Score:
    score = Score()
    chosen = [each for each in checks(tiers, cases) if each.short.partition("/")[0] in ops]
    with np.errstate(all="ignore"):
        list(run(subject, chosen, score))
    return score


def grouped(subject: Subject, *ops: str) -> Told:
    return told(scored(subject, ["kernels", "fused", "memory"], *ops), subject)


# --- what failing calls have in common ----------------------------------------------------------


def calls(
    fails: Callable[[int], bool], statements: Callable[[int], set[str]] = lambda n: set()
) -> list[Call]:
    """Sixty calls of sizes 1 to 60."""
    return [
        Call(str(n), fails(n), Traits({"float32"} | statements(n), {"N": n}, {"|x|": n / 10}))
        for n in range(1, 61)
    ]


def said(found: list[Call]) -> str | None:
    answer = common(found)
    return None if answer is None else answer.words


def test_the_rule_that_the_fewest_passing_calls_obey() -> None:
    assert said(calls(lambda n: n % 32 != 0)) is None  # one alone passes: by accident, perhaps
    assert said(calls(lambda n: n % 8 != 0)) == "N is no multiple of 8"
    assert said(calls(lambda n: n % 2 != 0)) == "N is odd"
    assert said(calls(lambda n: n >= 17)) == "N ≥ 17"
    assert said(calls(lambda n: n >= 17 and n % 4 == 0)) == "N is a multiple of 4 and N ≥ 20"
    in_place = calls(lambda n: n % 3 == 0, lambda n: {"over x"} if n % 3 == 0 else set())
    assert said(in_place) == "over x"


def test_the_numbers_beside_a_rule() -> None:
    found = common(calls(lambda n: n % 2 == 0 and n != 30))
    assert found is not None
    assert (found.words, found.obeying, found.failing, found.others) == ("N is even", 30, 29, 30)


def test_no_rule_rather_than_an_odd_one() -> None:
    assert said(calls(lambda n: n in (7, 35))) is None  # two have much in common by accident
    assert said(calls(lambda n: False)) is None
    assert said(calls(lambda n: True)) is None
    rng = np.random.default_rng(3)
    for _ in range(20):
        chosen = set(rng.choice(np.arange(1, 61), 20, replace=False).tolist())
        assert said(calls(lambda n, chosen=chosen: n in chosen)) is None  # type: ignore[misc]


def transposes_never(out: Any, a: Any, b: Any, *, tb: bool, **flags: Any) -> None:
    GOOD["matmul"](out, a, b, tb=False if b.shape[-1] == b.shape[-2] else tb, **flags)


def drops_the_tail(out: Any, a: Any, b: Any, **flags: Any) -> None:
    whole = np.array(out)
    GOOD["matmul"](whole, a, b, **flags)
    rows = out.shape[-2] // 32 * 32
    out[..., :rows, :] = whole[..., :rows, :]


def accumulates(out: Any, a: Any, b: Any, *, accumulate: bool, **flags: Any) -> None:
    GOOD["matmul"](out, a, b, accumulate=True, **flags)


def equal_is_less(out: Any, a: Any, b: Any) -> None:
    out[...] = a <= (b.reshape(()) if b.size == 1 else b)


def keeps_one_repeat(out: Any, ids: Any, rows: Any) -> None:
    out[ids] += rows


def reads_after_writing(out: Any, x: Any) -> None:
    np.exp(x - x.max(axis=1, keepdims=True), out=out)
    out /= np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)


def wrong_in_float64(out: Any, a: Any) -> None:
    np.exp(a.astype(np.float32) if a.dtype == np.float64 else a, out=out)


@pytest.mark.parametrize(
    ("op", "kernel", "words"),
    [
        ("matmul", drops_the_tail, "M is no multiple of 32"),
        ("matmul", accumulates, "accumulate=False"),
        ("less", equal_is_less, "a and b are equal somewhere"),
        ("add_rows", keeps_one_repeat, "an operand holds an id twice"),
        ("softmax", reads_after_writing, "written over x and x.shape[-1] ≥ 2"),
        ("exp", wrong_in_float64, "float64"),
    ],
)
def test_what_failing_calls_of_a_wrong_kernel_have_in_common(
    op: str, kernel: Callable[..., None], words: str
) -> None:
    (group,) = grouped(altered(**{op: kernel}), op).ops
    assert group.op == op
    assert group.common is not None
    assert group.common.words == words


# --- groups -------------------------------------------------------------------------------------


def test_an_op_is_one_group_with_its_smallest_case() -> None:
    found = grouped(altered(matmul=drops_the_tail), "matmul", "exp")
    (group,) = found.ops
    assert [(tier, failed > 0) for tier, failed, _ in group.by_tier] == [
        ("kernels", True),
        ("memory", True),
    ]
    done, smallest = group.failing[0]
    sizes = [sum(x.size for x in result.case.data("float32")[0]) for _, result in group.failing]
    assert sum(x.size for x in smallest.case.data("float32")[0]) == min(sizes) == 2
    assert done.check.id == "kernels/matmul/1x1x1"
    assert group.kinds[0][:2] == ("y", "never written, or read past an end (nan)")


def test_ops_that_only_follow_are_named_beside_their_cause() -> None:
    """softmax has a kernel of its own and fails by its default, which runs exp."""

    def exp(out: Any, a: Any) -> None:
        out[...] = 1.0

    found = grouped(altered(exp=exp), "exp", "softmax", "sqrt")
    assert [group.op for group in found.ops] == ["exp"]
    assert found.follow == {"softmax": ["exp"]}
    lines = list(by_group("mine", found))
    at = lines.index("followers  softmax")
    assert lines[at + 1].strip() == "fail by core's default alone, which runs exp: mend that first"


def test_a_missing_kernel_is_said_once() -> None:
    subject = Subject.of(Altered(open_device("numpy").backend, without={"exp"}))
    score = scored(subject, ["kernels", "memory"], "exp", "sqrt", "matmul", "less", cases=44)
    assert len(score.failures) == score.checks > 100
    found = told(score, subject)
    assert found.ops == []
    ((lines, same),) = found.alike.items()
    assert len(same) == score.checks
    assert "lacks the required kernels exp" in lines[0]
    text = list(by_group("mine", found))
    assert text[1] == f"{score.checks} checks of kernels, memory say the same:"


def test_what_a_kernel_raises_is_told_in_every_way_that_it_was_called() -> None:
    def raises(out: Any, a: Any) -> None:
        if a.dtype == np.float64:
            raise ValueError("no float64 here")
        GOOD["exp"](out, a)

    (group,) = grouped(altered(exp=raises), "exp").ops
    assert group.common is not None
    assert group.common.words == "float64"
    assert group.kinds[0][:2] == ("", "raised")
    text = "\n".join(by_group("mine", grouped(altered(exp=raises), "exp")))
    assert "raised ValueError: no float64 here (" in text


# --- what is printed ----------------------------------------------------------------------------


def test_a_group_as_it_is_printed() -> None:
    found = grouped(altered(matmul=drops_the_tail), "matmul")
    lines = list(by_group("mine", found))
    assert lines[1].startswith("matmul     ")
    assert " checks fail: kernels " in lines[1]
    assert lines[2].startswith("  where    M is no multiple of 32: all ")
    assert lines[3] == "  what     y: never written, or read past an end (nan)"
    start = next(n for n, line in enumerate(lines) if line.startswith("  smallest"))
    assert lines[start : start + 2] == [
        "  smallest kernels/matmul/1x1x1 float32",
        "           a (1, 1), b (1, 1); ta=False, tb=False, accumulate=False",
    ]
    assert lines[start + 2].startswith("           y[0, 0] is nan, expected ")
    assert lines[start + 2].endswith("; 1 of 1 wrong, in y[0, 0]")
    assert lines[start + 3] == "  again    rinzler check mine 'kernels/matmul/1x1x1'"


def test_few_failures_without_a_rule_are_named() -> None:
    score = Score()
    subject = altered(less=equal_is_less)
    list(run(subject, selected(["less/extremes", "less/7"], ["kernels"], 0), score))
    text = list(by_group("mine", told(score, subject)))
    assert text[1] == "less       1 of 2 checks fail: kernels 1 of 2"
    assert text[2] == "  where    2 of 4 calls, by no plain rule: less/extremes"


def test_checks_of_no_op_stand_by_themselves_and_models_behind_their_ops() -> None:
    """An op that passes by itself and is wrong where it is recorded: capture alone sees it."""
    subject = altered(matmul=drops_the_tail)
    score = Score()
    ids = [
        "kernels/matmul/7x1x5",
        "bringup/matrices_multiply",
        "train/gpt-fused-eager",
        "generate/texts-2",
    ]
    with np.errstate(all="ignore"):
        list(run(subject, selected(ids), score))
    lines = list(by_group("mine", told(score, subject)))
    assert lines[1] == "bringup/matrices_multiply"
    assert lines[5].startswith("matmul     1 of 1 check fail")
    assert lines[-1] == "models     2 checks of whole models fail as well: train 1, generate 1"


def test_wrong_entries_of_the_known_list_are_told() -> None:
    score, subject = Score(), altered()
    chosen = selected(["exp/7"], ["kernels"], 0)
    known = [Known("exp/7", "no")]
    list(run(subject, chosen, score, known))
    settle(score, chosen, known)
    assert list(by_group("mine", told(score, subject))) == [
        "",
        "known/exp/7",
        "    this known failure passes now: take it out of the list",
    ]


def test_every_failure_in_full() -> None:
    score = Score(failures={f"kernels/exp/{k}": ("one", "two", "three", "four") for k in range(40)})
    lines = list(every_failure("torch", score))
    assert lines[:7] == [
        "",
        "kernels/exp/0",
        "    one",
        "    two",
        "    three",
        "    four",
        "    again: rinzler check torch 'kernels/exp/0'",
    ]
    assert sum(line.startswith("kernels/") for line in lines) == 40


def test_where_the_wrong_elements_lie() -> None:
    want = np.zeros((4, 5))
    got = want.copy()
    got[1:3, 4] = 1.0
    verdict = judge(got, want, np.full((4, 5), 0.5))
    assert (verdict.wrong, verdict.size, verdict.box) == (2, 20, ((1, 2), (4, 4)))
    assert extent(Failure("", WRONG, "y", verdict)) == "; 2 of 20 wrong, in y[1..2, 4]"
    assert judge(np.float64(1) * np.ones(()), np.zeros(()), None).box == ()
    assert judge(want, want, None).wrong == 0


def test_the_worst_of_several_outputs_is_shown() -> None:
    verdicts = [judge(np.full(2, off), np.zeros(2), np.ones(2)) for off in (3.0, 9.0)]
    failures = [Failure(f"{v.got}", WRONG, "y", v) for v in verdicts]

    class Result:
        pass

    result: Any = Result()
    result.failures = (Failure("raised", "raised"), *failures)
    assert worst(result) is failures[1]

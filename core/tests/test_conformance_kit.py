"""The list of checks, the runner, known failures and results: what stands behind both doors."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rinzler.conformance.altered import Altered
from rinzler.conformance.case import Case, Operand
from rinzler.conformance.cases import cases_of
from rinzler.conformance.check import Check, Outcome, described, outcome_of
from rinzler.conformance.known import Known
from rinzler.conformance.record import text_of
from rinzler.conformance.result import WRONG, Attempt, Failure, Result
from rinzler.conformance.run import run_case
from rinzler.conformance.runner import Score, run, settle, with_known
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import NAMES, beyond, checks, selected
from rinzler.conformance.tiers.train import CURVE
from rinzler.errors import BackendError, ConfigError, PluginError
from rinzler.ops import OPS, Device
from rinzler.plugins import open_device


@pytest.fixture
def good() -> Subject:
    return Subject.of(open_device("numpy").backend)


def broken_less() -> Subject:
    """A numpy backend whose `less` is `less or equal`."""

    def less(out: Any, a: Any, b: Any) -> None:
        out[...] = a <= (b.reshape(()) if b.size == 1 else b)

    return Subject.of(Altered(open_device("numpy").backend, replaced={"less": less}))


# --- the list ---------------------------------------------------------------------------------


def test_ids_are_unique_and_begin_with_their_tier() -> None:
    listed = list(checks(cases=440))
    counts = Counter(check.id for check in listed)
    assert [name for name, count in counts.items() if count > 1] == []
    assert {check.tier for check in listed} == set(NAMES)
    assert sum(check.drawn for check in listed) == 440


def test_every_op_is_met_by_every_tier_that_goes_through_ops() -> None:
    listed = list(checks(cases=0))
    for op in OPS:
        tiers = {check.tier for check in listed if check.short.startswith(f"{op}/")}
        assert tiers == {
            "kernels" if OPS[op].required else "fused",
            "memory",
            "capture",
            "determinism",
        }, op


def test_checks_are_found_by_id_by_short_id_and_by_pattern() -> None:
    assert [check.id for check in selected(["kernels/exp/7"])] == ["kernels/exp/7"]
    assert {check.id for check in selected(["exp/7"])} >= {"kernels/exp/7", "memory/exp/7"}
    assert len(selected(["exp/*"], ["kernels"], 0)) == len(cases_of("exp"))
    assert [check.id for check in selected(["matmul/gen-123456"])] == ["kernels/matmul/gen-123456"]
    assert [check.id for check in beyond("fused/gelu/gen-9")] == ["fused/gelu/gen-9"]
    assert beyond("fused/gelu/33") == []


def test_what_is_no_check_and_no_tier() -> None:
    with pytest.raises(ConfigError, match=r'there is no check "expp/7"\. All ids: rinzler check'):
        selected(["expp/7"])
    with pytest.raises(ConfigError, match=r'there is no tier "kernel" \(tiers: plugin, bringup, '):
        list(checks(["kernel"]))


def test_a_backend_that_is_half_written_is_told_what_to_write_next(good: Subject) -> None:
    del good
    inner = open_device("numpy").backend
    subject = Subject.of(Altered(inner, without={"sum_rows", "move", "tanh"}))
    told = {check.id: outcome_of(check, subject).failures for check in checks(["bringup"], 0)}
    assert len(told) == 10
    (line,) = told["bringup/rows_sum"]
    assert line.startswith("there is no kernel 'sum_rows' yet. It computes:\nForward   ")
    (line,) = told["bringup/all_required_are_there"]
    assert line.startswith("3 required kernels are missing. Write sum_rows(y, x) next. After it: ")
    assert [name for name, failures in told.items() if failures] == [
        "bringup/rows_sum",
        "bringup/all_required_are_there",
    ]
    (line,) = outcome_of(selected(["kernels/exp/7"])[0], subject).failures
    assert "lacks the required kernels sum_rows, tanh, move" in line
    with pytest.raises(BackendError, match="lacks the required kernels"):
        _ = subject.device


def test_the_plugin_tier_needs_a_plugin(good: Subject) -> None:
    with pytest.raises(PluginError, match="'numpy' was not found through a plugin: give its "):
        _ = good.offer


# --- running ----------------------------------------------------------------------------------


def test_what_a_check_raises_is_its_failure(good: Subject) -> None:
    def fails(subject: Subject) -> Outcome:
        raise RuntimeError("the driver\nwent away")

    (line,) = outcome_of(Check("kernels/x/y", fails), good).failures
    assert line.startswith("raised RuntimeError: the driver went away (")
    assert "test_conformance_kit.py, line " in line


def test_the_score_of_a_run() -> None:
    score = Score()
    chosen = selected(["less/*", "exp/7"], ["kernels"], 0)
    states = {done.check.id: done.state for done in run(broken_less(), chosen, score)}
    assert states["kernels/exp/7"] == "passed"
    assert states["kernels/less/extremes"] == "failed"
    tally = score.tiers["kernels"]
    assert tally.checks == len(chosen) == score.checks
    assert tally.failed == len(score.failures) == list(states.values()).count("failed") > 0
    assert tally.worst_id == "kernels/exp/7"
    assert not score.ok


def test_known_failures_are_counted_apart_and_strictly() -> None:
    chosen = selected(["less/extremes", "less/7", "exp/7"], ["kernels"], 0)
    known = (Known("less/extremes", "equal is not less"), Known("exp/*", "not so"))
    score = Score()
    states = [done.state for done in run(broken_less(), chosen, score, known)]
    assert sorted(states) == ["known", "passed", "passed"]
    assert score.excused == {"kernels/less/extremes": "equal is not less"}
    assert score.ok
    settle(score, chosen, known)
    assert score.failures == {
        "known/exp/*": ("this known failure passes now: take it out of the list",)
    }


def test_an_entry_that_means_nothing_is_told_where_all_was_run(good: Subject) -> None:
    known = (Known("kernels/exp/8", "there is none"),)
    score = Score()
    chosen = selected(["exp/7"])
    list(run(good, chosen, score, known))
    settle(score, chosen, known)
    assert score.ok  # the rest was not run: it may be there
    score.tiers = dict.fromkeys(NAMES, score.tiers["kernels"])
    settle(score, chosen, known)
    assert score.failures["known/kernels/exp/8"] == (
        "this known failure means no check: mend its id",
    )


def test_an_entry_may_name_a_generated_case_beyond_those_that_run() -> None:
    listed = with_known(checks(["kernels"], 44), (Known("kernels/less/gen-9999", "why"),))
    assert listed[-1].id == "kernels/less/gen-9999"


# --- cases and what they say --------------------------------------------------------------------


def test_the_recorded_curve_is_what_float64_gives() -> None:
    """To the last digits: a change of model or optimizer is recorded again, on purpose."""
    assert _numbers(text_of("numpy")) == pytest.approx(
        _numbers(CURVE.read_text(encoding="utf-8")), rel=1e-12
    )


def _numbers(text: str) -> list[float]:
    return [value for step in json.loads(text)["steps"] for value in step.values()]


def test_a_result_reads_as_a_line_for_each_failure() -> None:
    case = cases_of("exp")[0]
    assert str(Result(case, "float32", True, 0.25, ())) == (
        "exp/scalar float32: ok, worst error 0.25 of its bound"
    )
    failures = tuple(Failure(text, WRONG) for text in ("one thing", "another"))
    failed = Result(case, "float64", False, 3.0, (Attempt("", failures),))
    assert str(failed).splitlines() == [
        "exp/scalar float64 no_fused: one thing",
        "exp/scalar float64 no_fused: another",
    ]


def test_a_kernel_that_raises_is_not_hidden() -> None:
    def broken(out: Any, a: Any) -> None:
        raise RuntimeError("the driver went away")

    device = Device(Altered(open_device("numpy").backend, replaced={"exp": broken}))
    with pytest.raises(RuntimeError, match="the driver went away"):
        run_case(device, cases_of("exp")[0], "float32")


def test_an_altered_backend_is_otherwise_the_same() -> None:
    inner = open_device("numpy").backend
    altered = Altered(inner, without={"softmax"}, replaced={"exp": inner.kernels["exp"]})
    assert "softmax" not in altered.kernels
    assert altered.kernels["matmul"] is inner.kernels["matmul"]
    assert altered.name == "numpy (altered)"
    device = Device(altered)
    with np.errstate(all="ignore"):
        assert all(run_case(device, case, "float64").ok for case in cases_of("softmax"))
    device.synchronize()


def test_a_misspelt_kernel_is_told(good: Subject) -> None:
    backend = Altered(good.backend, replaced={"liner": good.backend.kernels["exp"]})
    (found,) = [each for each in checks(["bringup"], 0) if "required" in each.id]
    (message,) = outcome_of(found, Subject.of(backend)).failures
    assert message == (
        "kernel 'liner' is none of the op table, and nobody will call it. Did you mean 'linear'?"
    )


def test_a_drawn_case_says_what_it_is() -> None:
    case = Case("exp", "gen-7", (Operand((5, 1), lambda rng, shape, earlier: 0),))
    wrong = Attempt("", (Failure("y is wrong", WRONG),))
    assert Result(case, "float32", True, 9.0, (wrong,)).lines == (
        "exp/gen-7 float32: y is wrong",
        "exp/gen-7 has a (5, 1)",
    )
    assert cases_of("matmul")[0].shapes.endswith("ta=False, tb=False, accumulate=False")


def test_an_error_is_placed_in_the_package_of_the_backend() -> None:
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    assert "decoder.py, line " in described(caught.value)
    assert Path(__file__).name in described(caught.value, str(Path(__file__).parent))

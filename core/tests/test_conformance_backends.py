"""Every case of the table, on every backend, in each of its dtypes, by kernel and by default.

A later backend is one more line in BACKENDS. What is judged: the worst element against the bound of
its case, the memory around every operand, the inputs afterwards, and each allowed alias.
"""

from __future__ import annotations

import pytest

from rinzler.conformance.cases import CASES, cases_of
from rinzler.conformance.run import Result, run_case, worst_ratios
from rinzler.ops import FLOATS, OPS
from rinzler.plugins import open_device

BACKENDS = {"numpy": ("float32", "float64"), "numba": ("float32",)}
HELD = [(name, dtype) for name, dtypes in BACKENDS.items() for dtype in dtypes]


@pytest.mark.parametrize("name", BACKENDS)
def test_the_dtypes_are_those_that_the_backend_holds(name: str) -> None:
    held = open_device(name).backend.caps.dtypes
    assert [dtype for dtype in FLOATS if dtype in held] == list(BACKENDS[name])


@pytest.mark.parametrize(("name", "dtype"), HELD)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_kernels_agree_with_the_oracle(case: object, name: str, dtype: str) -> None:
    result = run_case(open_device(name), case, dtype)
    assert result.ok, f"\n{result}"


DEFAULTS = [case for case in CASES if not OPS[case.op].required]


@pytest.mark.parametrize(("name", "dtype"), HELD)
@pytest.mark.parametrize("case", DEFAULTS, ids=lambda case: case.id)
def test_defaults_agree_with_the_oracle(case: object, name: str, dtype: str) -> None:
    result = run_case(open_device(name), case, dtype, fused=False)
    assert result.ok, f"\n{result}"


def test_the_worst_ratios_name_their_case() -> None:
    results = [run_case(open_device("numpy"), case, "float32") for case in cases_of("exp")]
    ratio, where = worst_ratios(results)["exp"]
    assert ratio == max(result.ratio for result in results)
    assert 0 < ratio <= 1
    assert where in [f"{result.case.id} float32" for result in results]


def test_a_result_reads_as_a_line_for_each_failure() -> None:
    case = cases_of("exp")[0]
    assert str(Result(case, "float32", True, 0.25, ())) == (
        "exp/scalar float32: ok, worst error 0.25 of its bound"
    )
    failed = Result(case, "float64", False, 3.0, ("one thing", "another"))
    assert str(failed).splitlines() == [
        "exp/scalar float64 no_fused: one thing",
        "exp/scalar float64 no_fused: another",
    ]

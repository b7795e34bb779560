"""Kernels at sizes and values that nobody picked: generated cases of every op, on the CPU backends.

The long form is what `rinzler check NAME --cases 100000` runs. A failure names its case, and
`rinzler check NAME matmul/gen-1234` runs that one again.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rinzler.conformance.check import outcome_of
from rinzler.conformance.drawn import spread
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers.kernels import of_drawn


@pytest.mark.promise(
    "generated cases of all ops lie within their bounds", at_least=1_100, long=100_000
)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_generated_cases(backend: str, count: Callable[..., None], long: bool) -> None:
    subject = Subject.installed(backend)
    for case in spread(100_000 if long else 1_100):
        outcome = outcome_of(of_drawn(case), subject)
        assert outcome.ok, f"rinzler check {backend} {case.id}\n{outcome.failures}"
        count()

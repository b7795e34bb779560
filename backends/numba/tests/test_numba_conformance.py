"""The numba backend against the conformance kit: all that decides whether its results are right."""

import pytest

from rinzler.conformance.suite import *  # noqa: F403

GENERATED = 880  # `.ci/run` has 20,000


@pytest.fixture(scope="session")
def backend_name() -> str:
    return "numba"

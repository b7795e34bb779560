"""All of Rinzler's conformance kit on this backend: pip install pytest; pytest."""

import pytest
from rinzler.conformance.suite import *  # noqa: F403


@pytest.fixture(scope="session")
def backend_name():
    return "example"

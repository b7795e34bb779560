"""What `pytest --pyargs rinzler.conformance --rinzler-backend NAME` collects: all of the suite."""

from rinzler.conformance.suite import *  # noqa: F403

"""The options that the suite gives to pytest. Installed as a plugin of it, so it imports nothing.

Read next: `suite.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rinzler", "conformance of a backend of Rinzler")
    group.addoption("--rinzler-backend", metavar="NAME", help="the backend to check")
    group.addoption("--rinzler-cases", type=int, metavar="N", help="generated cases, over all ops")
    group.addoption(
        "--rinzler-tier",
        action="append",
        metavar="TIER",
        help="only this tier; may be repeated",
    )
    group.addoption("--rinzler-known", metavar="FILE", help="known failures; else conformance.toml")

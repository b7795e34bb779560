"""PROMISES.md names every promise that is tested, with a count, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> None:
    """Only a session that has collected all of this folder can say what is missing."""
    collected = {item.path for item in request.session.items}
    if not set(HERE.glob("test_*.py")) <= collected:
        pytest.skip("run all of tests/promises: some of it was not collected")


@pytest.mark.usefixtures("whole")
def test_the_page_names_each_promise_once_and_its_count(page):
    cells = page.cells()
    assert set(cells) == set(page.rows), "run: RINZLER_WRITE_PROMISES=1 pytest tests/promises"
    for test, row in page.rows.items():
        claim, _, least, counted, _ = cells[test]
        assert claim == row.claim
        assert least == f"{row.at_least:,}"
        assert int(counted.replace(",", "")) >= row.at_least, test

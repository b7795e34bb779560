"""What Rinzler promises, as tests that count what they tried.

    @pytest.mark.promise("a killed save leaves the last checkpoint whole", at_least=60, long=10_000)
    def test_kill_at_every_call(count, long):
        for call in calls:
            ...
            count()

A promise that tried fewer cases than `at_least` fails, even if all of them went well: a loop that
ran over nothing proves nothing. `RINZLER_LONG=1` asks for the long form, with `long` as the least;
`RINZLER_WRITE_PROMISES=1` writes what was counted into PROMISES.md.
Leaves out: time. These tests count operations and cases; how fast a thing is, benchmarks say.
Read next: `test_table.py`, and any other test here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "PROMISES.md"
HEAD = "| promise | test | at least | counted | long form |"
BEGIN, END = "<!-- counted: begin -->", "<!-- counted: end -->"
for folder in ("crash", "planted", "fuzz", "leaks", "guarded", "nasty"):
    sys.path.append(str(HERE / folder))  # test files cannot import each other: helpers of some
sys.path.append(str(HERE.parents[1] / "core" / "tests" / "subjects"))
LONG = bool(os.environ.get("RINZLER_LONG"))
WRITE = bool(os.environ.get("RINZLER_WRITE_PROMISES"))


@dataclass(frozen=True)
class Row:
    """A promise and the test that keeps it."""

    claim: str
    test: str  # "test_kill.py::test_kill_at_every_call"
    at_least: int  # cases in each of its runs
    long: int  # the same in the long form


class Page:
    """The table of PROMISES.md: what it says, and what it should say."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}  # by test
        self.counted: Counter[str] = Counter()

    def cells(self) -> dict[str, list[str]]:
        """The cells of each row that stands on the page now, by the test it names."""
        text = PAGE.read_text(encoding="utf-8")
        lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return {row[1].strip("`"): row for row in rows if len(row) == 5 and row[1].startswith("`")}

    def write(self) -> None:
        """Counts of this session over those that stand there; what no test keeps goes."""
        files = {test.partition("::")[0] for test in self.rows}
        rows = {
            test: cells
            for test, cells in self.cells().items()
            if test in self.rows or test.partition("::")[0] not in files
        }
        for test, row in self.rows.items():
            cells = rows.setdefault(test, [""] * 5)
            cells[:3] = row.claim, f"`{test}`", f"{row.at_least:,}"
            if test in self.counted:
                cells[4 if LONG else 3] = f"{self.counted[test]:,}"
        lines = [HEAD, "| --- | --- | --- | --- | --- |"]
        lines += [f"| {' | '.join(cells)} |" for _, cells in sorted(rows.items())]
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        tail = rest.partition(END)[2]
        table = "\n".join(lines)
        PAGE.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}", encoding="utf-8")


PAGE_OF_SESSION = pytest.StashKey[Page]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PAGE_OF_SESSION] = Page()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    page = config.stash[PAGE_OF_SESSION]
    for item in items:
        marker = item.get_closest_marker("promise")
        if marker and HERE in item.path.parents:
            row = _row(item, marker)
            page.rows[row.test] = row


def _row(item: pytest.Item, marker: pytest.Mark) -> Row:
    (claim,) = marker.args
    least = marker.kwargs["at_least"]
    name = getattr(item, "originalname", item.name)
    test = f"{item.path.relative_to(HERE).as_posix()}::{name}"
    return Row(claim, test, least, marker.kwargs.get("long", least))


@pytest.fixture
def long() -> bool:
    """Whether the long form was asked for."""
    return LONG


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Call it once for each case that was tried, or with how many."""
    marker = request.node.get_closest_marker("promise")
    row = _row(request.node, marker)
    tried = Counter[str]()

    def add(cases: int = 1) -> None:
        tried[row.test] += cases

    failed_before = request.session.testsfailed
    yield add
    if request.session.testsfailed > failed_before:
        return
    least = row.long if LONG else row.at_least
    assert tried[row.test] >= least, f"{tried[row.test]:,} cases were tried, expected {least:,}"
    request.config.stash[PAGE_OF_SESSION].counted[row.test] += tried[row.test]


@pytest.fixture
def why_not(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Why a backend cannot be used here; "" if it can. `.ci/run` requires all of this repository.

    A device in software serves for Vulkan, unless the environment names another.
    """
    from rinzler.errors import BackendError
    from rinzler.plugins import manager, open_device

    if not os.environ.get("RINZLER_VULKAN_DEVICE"):
        monkeypatch.setenv("RINZLER_VULKAN_DEVICE", "software")
        monkeypatch.setattr(manager, "_plugins", None)  # it may have been asked before, without

    def asked(name: str) -> str:
        try:
            open_device(name)
        except BackendError as error:
            return f"needs the backend {name}: {error}"
        return ""

    return asked


@pytest.fixture(params=("numpy", "numba", "vulkan"))
def backend(request: pytest.FixtureRequest, why_not: Callable[[str], str]) -> str:
    """The name of each backend of this repository that is ready here."""
    name = str(request.param)
    reason = why_not(name)
    if reason:
        pytest.skip(reason)
    return name


@pytest.fixture
def strace() -> str:
    """The tool that stops a process in the middle of a system call. Ask for it before `count`."""
    return tool("strace")


@pytest.fixture
def own_mounts() -> list[str]:
    """The beginning of a command that may mount disks of its own. Ask for it before `count`."""
    command = [tool("unshare"), "--mount", "--map-root-user"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        _missing("unshare", "may not be used here")
    return command


def tool(name: str) -> str:
    """Where it is. A machine without it says so; one that must have it fails."""
    return shutil.which(name) or _missing(name, "is not installed")


def _missing(name: str, how: str) -> NoReturn:
    if name in os.environ.get("RINZLER_REQUIRED_TOOLS", "").split():
        pytest.fail(f"{name} {how}, and RINZLER_REQUIRED_TOOLS names it")
    pytest.skip(f"{name} {how}: this promise was not tried")


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Page:
    return request.config.stash[PAGE_OF_SESSION]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    page = terminalreporter.config.stash[PAGE_OF_SESSION]
    if page.counted:
        terminalreporter.section("promises")
    for test, tried in sorted(page.counted.items()):
        terminalreporter.write_line(f"{tried:>12,}  {page.rows[test].claim}")
    if WRITE:
        page.write()

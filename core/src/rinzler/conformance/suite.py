"""The conformance kit as tests for pytest. An author's whole test file:

    from rinzler.conformance.suite import *

and `--rinzler-backend NAME` on the command line, or a session fixture `backend_name` that returns
it. A module constant `GENERATED` may say how many generated cases. No file at all is needed for
`pytest --pyargs rinzler.conformance --rinzler-backend NAME`. The checks are those of `rinzler
check`, under the same ids; generated cases are one test for each op.

Known failures (`known.py`) are expected failures, and strict. The only module that imports pytest.
Read next: `tiers/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rinzler.conformance.check import Check
from rinzler.conformance.known import Known, known_beside, read_known
from rinzler.conformance.runner import FAILED, KNOWN, Done, Score, run, settle, with_known
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import CASES, checks

__all__ = [
    "backend_name",
    "conformance_score",
    "known_failures",
    "pytest_generate_tests",
    "subject",
    "test_conformance",
    "test_known_failures_are_true",
]
PARAMETER = "conformance"


@dataclass(frozen=True)
class Group:
    """One test: a check, or the generated cases of an op."""

    id: str
    checks: tuple[Check, ...]


def grouped(listed: Sequence[Check]) -> Iterator[Group]:
    drawn: dict[str, list[Check]] = {}
    for check in listed:
        if check.drawn:
            drawn.setdefault(check.id.rpartition("/")[0], []).append(check)
        else:
            yield Group(check.id, (check,))
    for name, cases in drawn.items():
        yield Group(f"{name}/generated", tuple(cases))


def all_checks(config: pytest.Config, module: object) -> list[Check]:
    cases = config.getoption("--rinzler-cases", None)
    if cases is None:
        cases = getattr(module, "GENERATED", CASES)
    return list(checks(config.getoption("--rinzler-tier", None) or (), cases))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each check."""
    if PARAMETER in metafunc.fixturenames:
        groups = list(grouped(all_checks(metafunc.config, metafunc.module)))
        metafunc.parametrize(PARAMETER, groups, ids=[group.id for group in groups])


@pytest.fixture(scope="session")
def backend_name(request: pytest.FixtureRequest) -> str:
    """The backend to check, by the name that `--backend` takes."""
    name: str | None = request.config.getoption("--rinzler-backend", None)
    if name is None:
        pytest.fail("which backend? Name it: pytest --rinzler-backend NAME", pytrace=False)
    return name


@pytest.fixture(scope="session")
def subject(backend_name: str) -> Subject:
    return Subject.installed(backend_name)


@pytest.fixture(scope="session")
def known_failures(request: pytest.FixtureRequest, subject: Subject) -> tuple[Known, ...]:
    """Of --rinzler-known, or of the conformance.toml beside the author's pyproject.toml."""
    named: str | None = request.config.getoption("--rinzler-known", None)
    backend = subject.offer.info.name
    if named is not None:
        return read_known(Path(named), backend)
    return known_beside(request.config.rootpath, backend)


@pytest.fixture(scope="session")
def conformance_score() -> Score:
    return Score()


def test_conformance(
    conformance: Group,
    subject: Subject,
    known_failures: tuple[Known, ...],
    conformance_score: Score,
) -> None:
    results = list(run(subject, conformance.checks, conformance_score, known_failures))
    failed = [done for done in results if done.state == FAILED]
    if failed:
        pytest.fail(message_of(failed, subject.name), pytrace=False)
    excused = [done.check.id for done in results if done.state == KNOWN]
    if excused:
        reasons = {conformance_score.excused[name] for name in excused}
        pytest.xfail("; ".join(sorted(reasons)))


def test_known_failures_are_true(
    request: pytest.FixtureRequest,
    subject: Subject,
    known_failures: tuple[Known, ...],
    conformance_score: Score,
) -> None:
    """Each excuses something: it fails where it passes by now, and where its id means nothing."""
    listed = all_checks(request.config, request.module)
    missing = with_known(listed, known_failures)[len(listed) :]  # generated ones, by number
    for _ in run(subject, missing, conformance_score, known_failures):
        pass
    settle(conformance_score, [*listed, *missing], known_failures)
    wrong = {name: lines for name, lines in conformance_score.failures.items() if "known/" in name}
    if wrong:
        lines = [f"{name}: {' '.join(each)}" for name, each in wrong.items()]
        pytest.fail("\n".join(lines), pytrace=False)


def message_of(failed: Sequence[Done], backend: str) -> str:
    """What failed first, in full, the ids of the others, and the command that repeats it."""
    first, *others = failed
    lines = [first.check.id, *first.outcome.failures]
    lines.append(f"again: rinzler check {backend} '{first.check.id}'")
    if others:
        lines.append(f"{len(others)} more: {', '.join(done.check.id for done in others[:20])}")
    return "\n".join(lines)

"""`rinzler check NAME`: the conformance kit on the command line, without pytest.

Runs the checks of `rinzler.conformance`, tier by tier, and prints a line for each; what failed
stands below, op by op, with the command that repeats it. A complete run that passes is kept,
and `rinzler backends` then shows the backend as certified.

Leaves out: speed and coverage (`checking.py`). Read next: `failures.py`.
"""

from __future__ import annotations

import faulthandler
import json as json_module
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rinzler.cli.failures import by_group, every_failure
from rinzler.cli.streams import say
from rinzler.cli.words import plural
from rinzler.conformance import certified
from rinzler.conformance.check import described
from rinzler.conformance.grouped import told
from rinzler.conformance.known import Known, known_beside, read_known
from rinzler.conformance.report import identity_of, report_of
from rinzler.conformance.runner import Score, Tally, run, settle, with_known
from rinzler.conformance.sources import sources_of
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import CASES, checks, selected
from rinzler.errors import EXIT_ENVIRONMENT, EXIT_OK, BackendError, ConfigError
from rinzler.plugins.loading import PLUGIN_ERRORS


def check_backend(
    name: str,
    ids: Sequence[str],
    tiers: Sequence[str],
    cases: int,
    known: str | None,
    report: str | None,
    json: bool,
    verbose: bool,
) -> int:
    """Run the checks, print and keep the report. The exit code says whether all passed."""
    if report is not None and not Path(report).parent.is_dir():  # not only after the run
        raise ConfigError(f"the report cannot be written to {report}: there is no such folder")
    subject = Subject.installed(name)
    entry = subject.offer.plugin.value
    code = sources_of(entry).digest()  # before its kernels are imported
    excuses = excused(subject.offer.info.name, known)
    chosen = selected(ids, tiers, cases) if ids else list(checks(tiers, cases))
    chosen = with_known(chosen, excuses)
    if not json:
        print_line(f"backend    {headline(subject)}")
    score = Score()
    if not faulthandler.is_enabled():  # a kernel that writes astray may take the process with it
        faulthandler.enable()
    for tier, group in groupby(chosen, key=lambda each: each.tier):
        for done in run(subject, watched(group, verbose), score, excuses):
            if verbose and not done.outcome.ok:
                say(f"{done.state}: {done.check.id}")
        if not json:
            print_line(tier_line(tier, score.tiers[tier]))
    settle(score, chosen, excuses)
    found = report_of(subject, score, complete=not (ids or tiers), code=code)
    kept = certified.keep(identity_of(subject), found, entry)
    write_report(report, found)
    if json:
        print_line(json_module.dumps(found, indent=2))
    else:
        print_failures(name, subject, score, verbose)
        print_line(verdict(score, found, kept, entry))
    return EXIT_OK if score.ok else EXIT_ENVIRONMENT


def list_ids(ids: Sequence[str], tiers: Sequence[str], cases: int) -> int:
    """Print the ids that would run."""
    for each in selected(ids, tiers, cases) if ids else checks(tiers, cases):
        print_line(each.id)
    return EXIT_OK


def excused(backend: str, known: str | None) -> tuple[Known, ...]:
    if known is not None:
        return read_known(Path(known), backend)
    return known_beside(Path.cwd(), backend)


def headline(subject: Subject) -> str:
    """Who is checked. Raises BackendError for a backend that cannot even be made."""
    plugin = subject.offer.plugin
    try:
        device = subject.backend.caps.device_text
    except BackendError:
        raise
    except PLUGIN_ERRORS as error:
        raise BackendError(
            f"backend {subject.name!r} ({plugin}) cannot be made: {described(error)}"
        ) from error
    return f"{subject.name} · {plugin} · {device}"


def watched(group: Any, verbose: bool) -> Any:
    """The checks; with `verbose` each is named before it runs: the last one is who crashed."""
    for each in group:
        if verbose:
            say(each.id)
        yield each


def tier_line(tier: str, tally: Tally) -> str:
    parts = [f"{tier:<12}", f"{plural(tally.checks, 'check'):>14}"]
    parts.append(f"{f'{tally.failed:,} FAILED' if tally.failed else 'ok':>12}")
    parts.append(f"{tally.seconds:8.1f} s")
    if tally.known:
        parts.append(f"  {tally.known:,} known to fail")
    if tally.worst_id:
        parts.append(f"  worst {tally.worst:.2f} of its bound: {tally.worst_id}")
    return "".join(parts)


def print_failures(name: str, subject: Subject, score: Score, verbose: bool) -> None:
    """What failed: by op, or with `verbose` check by check and in full."""
    if score.ok:
        return
    lines = every_failure(name, score) if verbose else by_group(name, told(score, subject))
    for line in lines:
        print_line(line)
    if not verbose:
        print_line("\neach       -v shows every check that failed, --report FILE writes them")


def verdict(score: Score, found: dict[str, Any], kept: Path | None, entry: str) -> str:
    count = plural(score.checks, "check")
    if not score.ok:
        return f"\nfailed     {len(score.failures):,} of {count}"
    if kept is not None:
        return f"certified  {count}, {score.drawn:,} of them generated; rinzler backends shows it"
    if found["complete"] and sources_of(entry).digest() != found["code"]:
        return f"passed     {count}; its code changed meanwhile, so that nothing is certified"
    if found["complete"]:
        return f"passed     {count}; the report could not be kept in {certified.folder()}"
    return f"passed     {count}; all tiers, with {CASES:,} generated cases or more, would certify"


def write_report(report: str | None, found: dict[str, Any]) -> None:
    if report is None:
        return
    try:
        Path(report).write_text(json_module.dumps(found, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the report cannot be written to {report}: {error}") from error


def print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

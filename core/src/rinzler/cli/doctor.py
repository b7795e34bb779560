"""`rinzler doctor`: what there is on this machine, and what holds it back, on stdout.

    rinzler    rinzler-core 0.1.0, rinzler-numba 0.1.0
    python     CPython 3.11.7 on Linux x86_64, numpy 2.4.6
    numba      ready: compiled for this CPU: float32 on all cores
               threads    2 of 2, started by tbb
    1 thing needs attention

Tries every plugin anew, as `rinzler backends --probe` does. Core knows no backend: what
is said of one, it says itself (`Backend.facts`).
Leaves out: measuring. Read next: `facts.py`, then `warmup.py`.
"""

from __future__ import annotations

import json as json_module
import os
import platform
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rinzler.autotune.grid import available_cores
from rinzler.cli.facts import lines_of
from rinzler.cli.listing import WAITING, facts_by_plugin
from rinzler.cli.streams import PATIENCE, say_if_slow
from rinzler.cli.words import plural, size
from rinzler.errors import EXIT_ENVIRONMENT, EXIT_OK
from rinzler.ops import Fact
from rinzler.plugins import PluginReport

FINE = ("ready", "blocked")  # states of which there is nothing to mend
INDENT = " " * 11


def examine(json: bool = False) -> int:
    """Print what was found; the exit code says whether any backend can be used."""
    from rinzler.plugins import plugins
    from rinzler.plugins.probing import reports_of, verdicts

    found = plugins().found
    with say_if_slow(WAITING, PATIENCE):
        tried = verdicts(found, facts=True)
    reports = reports_of(tried, found)
    facts = facts_by_plugin(tried)
    told = [(each, facts.get((each.distribution, each.name), [])) for each in reports]
    machine = machine_facts()
    if json:
        sys.stdout.write(json_module.dumps(_plain(machine, told), indent=2) + "\n")
    else:
        sys.stdout.write(render(machine, told))
    usable = any(report.kind == "backend" and report.state == "ready" for report in reports)
    return EXIT_OK if usable else EXIT_ENVIRONMENT


def machine_facts() -> list[Fact]:
    """Rinzler's distributions, Python, cores, caches, and Rinzler's variables."""
    import numpy as np

    python = f"{platform.python_implementation()} {platform.python_version()}"
    facts = [
        Fact("rinzler", ", ".join(_distributions())),
        Fact(
            "python",
            f"{python} on {platform.system()} {platform.machine()}, numpy {np.__version__}",
        ),
        Fact("cores", str(available_cores())),
        _caches(),
    ]
    named = [name for name in sorted(os.environ) if name.startswith("RINZLER_")]
    return facts + [Fact(name, os.environ[name]) for name in named]


def render(machine: list[Fact], told: list[tuple[PluginReport, list[Fact]]]) -> str:
    """All of it as text that ends with a newline."""
    lines = lines_of(machine)
    others = []
    for report, facts in told:
        if report.kind != "backend" and report.state in FINE:
            others.append(f"{report.name} ({report.kind})")
            continue
        reason = f": {report.reason or report.summary}" if report.reason or report.summary else ""
        lines += ["", f"{report.name:<10} {report.state}{reason}"]
        if report.mend:
            lines.append(f"{INDENT}→ {report.mend}")
        lines += [INDENT + line for line in lines_of([f for f in facts if not f.detail])]
    if others:
        lines += ["", f"{'others':<10} {', '.join(others)}"]
    lines += ["", _summary(told)]
    return "\n".join(lines) + "\n"


def _summary(told: list[tuple[PluginReport, list[Fact]]]) -> str:
    wrong = sum(report.state not in FINE for report, _ in told)
    advice = sum(bool(fact.advice) for _, facts in told for fact in facts)
    count = wrong + advice
    if not count:
        return "nothing needs attention"
    return f"{plural(count, 'thing')} {'needs' if count == 1 else 'need'} attention: see the arrows"


def _plain(machine: list[Fact], told: list[tuple[PluginReport, list[Fact]]]) -> dict[str, Any]:
    """The same as JSON can hold it."""
    return {
        "machine": {fact.name: fact.value for fact in machine},
        "plugins": [
            {
                "name": report.name,
                "kind": report.kind,
                "state": report.state,
                "reason": report.reason,
                "mend": report.mend,
                "distribution": report.distribution,
                "version": report.version,
                "facts": [asdict(fact) for fact in facts],
            }
            for report, facts in told
        ],
    }


def _distributions() -> list[str]:
    """rinzler-core 0.1.0, and what else of that name is installed."""
    from rinzler.plugins.discovery import installed

    found = {name.lower().replace("_", "-"): version for name, version in installed()}
    return [f"{name} {found[name]}" for name in sorted(found) if name.startswith("rinzler")]


def _caches() -> Fact:
    from platformdirs import user_cache_path

    folder = user_cache_path("rinzler")
    return Fact("cache", f"{folder} ({size(_bytes_in(folder))})")


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process may be tidying up
            total += path.stat().st_size if path.is_file() else 0
    return total

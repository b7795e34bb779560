"""A run as JSON: versions, device, tiers, counts, worst ratios, failures.

It says all that the numbers depend on, so that two reports can be compared, and it is what
`rinzler backends` reads to call a backend certified (`certified.py`). Read next: `certified.py`.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rinzler import __version__
from rinzler.conformance.runner import Score
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import NAMES
from rinzler.ops import PROTOCOL

FORMAT = 1


def identity(distribution: str, version: str, name: str, device: str) -> dict[str, Any]:
    """What a certificate holds for: another of any of these is another backend."""
    return {
        "distribution": distribution,
        "version": version,
        "backend": name,
        "device": device,
        "protocol": list(PROTOCOL),
        "core": __version__,
    }


def identity_of(subject: Subject) -> dict[str, Any]:
    """Raises PluginError for a subject that no plugin offers."""
    plugin = subject.offer.plugin
    device = subject.backend.caps.device_text
    return identity(plugin.distribution, plugin.version, subject.offer.info.name, device)


def report_of(subject: Subject, score: Score, complete: bool) -> dict[str, Any]:
    """`complete`: nothing was left out by choice of tiers or ids."""
    return {
        "format": FORMAT,
        **identity_of(subject),
        "dtypes": list(subject.backend.caps.dtypes),
        "kernels": len(subject.backend.kernels),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": complete and has_all(score),
        "passed": score.ok,
        "checks": score.checks,
        "generated": score.drawn,
        "tiers": {name: _tally(score, name) for name in NAMES if name in score.tiers},
        "failures": {name: list(lines) for name, lines in score.failures.items()},
        "known": dict(score.excused),
    }


def has_all(score: Score) -> bool:
    return set(NAMES) <= set(score.tiers)


def _tally(score: Score, name: str) -> dict[str, Any]:
    tally = asdict(score.tiers[name])
    return tally | {"seconds": round(tally["seconds"], 3), "worst": round(tally["worst"], 6)}


def summary(report: dict[str, Any]) -> str:
    """One line for a listing: "certified 2026-09-12: 8 tiers, 7,035 checks, 2 known failures"."""
    day = str(report["when"])[:10]
    parts: Sequence[str] = (
        f"{len(report['tiers'])} tiers",
        f"{report['checks']:,} checks",
        *([f"{len(report['known'])} known to fail"] if report["known"] else []),
    )
    return f"certified {day}: {', '.join(parts)}"

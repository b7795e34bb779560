"""A run as JSON: versions, device, tiers, counts, worst ratios, failures.

It says all that the numbers depend on, so that two reports can be compared, and it is what
`rinzler backends` reads to call a backend certified (`certified.py`). Read next: `certified.py`.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rinzler.conformance.certified import FORMAT, identity
from rinzler.conformance.runner import Score
from rinzler.conformance.subject import Subject
from rinzler.conformance.tiers import CASES, NAMES
from rinzler.ops import PROTOCOL


def identity_of(subject: Subject) -> dict[str, Any]:
    """Raises PluginError for a subject that no plugin offers."""
    plugin = subject.offer.plugin
    device = subject.backend.caps.device_text
    return identity(plugin.distribution, plugin.version, subject.offer.info.name, device, PROTOCOL)


def report_of(subject: Subject, score: Score, complete: bool, code: str) -> dict[str, Any]:
    """`complete`: nothing was left out by choice of tiers or ids; `code`: digest of what ran."""
    return {
        "format": FORMAT,
        **identity_of(subject),
        "code": code,
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
    """Every tier, and no fewer generated cases than a run has that says nothing of them."""
    return set(NAMES) <= set(score.tiers) and score.drawn >= CASES


def _tally(score: Score, name: str) -> dict[str, Any]:
    tally = asdict(score.tiers[name])
    return tally | {"seconds": round(tally["seconds"], 3), "worst": round(tally["worst"], 6)}

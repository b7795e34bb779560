"""Where the report of a run that passed is kept, so that a listing can show it.

One file for each identity in the user's cache folder: another version of the backend, of core or of
the protocol, or another device, has none until it is checked itself. Code that has changed since
makes it stale, which the listing says. A run that fails takes the certificate away. Light, because
every listing imports it. Read next: `sources.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rinzler import __version__
from rinzler.conformance.sources import Sources, Stats, sources_of
from rinzler.files import FILES, ReplaceError, replace_file

FORMAT = 2


def identity(
    distribution: str, version: str, name: str, device: str, protocol: Sequence[int]
) -> dict[str, Any]:
    """What a certificate holds for: another of any of these is another backend."""
    return {
        "distribution": distribution,
        "version": version,
        "backend": name,
        "device": device,
        "protocol": list(protocol),
        "core": __version__,
    }


def folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("rinzler", appauthor=False) / "conformance"


def path_for(identity: Mapping[str, Any]) -> Path:
    text = json.dumps(dict(identity), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return folder() / f"{identity['distribution']}-{identity['backend']}-{digest}.json"


def keep(identity: Mapping[str, Any], report: Mapping[str, Any], value: str) -> Path | None:
    """Keep the report of a complete run that passed; forget an earlier one of a run that failed.

    Where it lies now; None where nothing is kept, or the folder cannot be written. The report names
    the digest of the code that ran; where the code behind the entry point `value` has another one
    by now, it changed meanwhile, and nothing is kept.
    """
    path = path_for(identity)
    sources = sources_of(value)
    with suppress(OSError, ReplaceError):
        if not report["passed"]:
            path.unlink(missing_ok=True)
        elif report["complete"]:
            stats = sources.stats()
            if sources.digest() == report["code"]:
                _write(path, dict(report), stats)
                return path
    return None


def certificate(identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The report that is kept for an identity; None where there is none, or an unreadable one."""
    try:
        report: Any = json.loads(path_for(identity).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        return None
    same = all(report.get(key) == value for key, value in identity.items())
    return report if same and report.get("passed") and report.get("complete") else None


def holds_for(report: dict[str, Any], identity: Mapping[str, Any], sources: Sources) -> bool:
    """Whether the code is still the one that was checked.

    Reads it only where sizes or times differ; if it is the same nevertheless (it was installed
    again), the new times are kept.
    """
    stats = sources.stats()
    if stats == report.get("stats"):
        return True
    if sources.digest() != report.get("code"):
        return False
    with suppress(OSError, ReplaceError):
        _write(path_for(identity), report, stats)
    return True


def _write(path: Path, report: dict[str, Any], stats: Stats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report | {"stats": stats}, indent=2) + "\n"
    replace_file(path, [text.encode()], FILES)


def said_of(identity: Mapping[str, Any], value: str) -> str:
    """What a listing says of a backend whose entry point is `value`; "" where it never passed."""
    report = certificate(identity)
    if report is None:
        return ""
    if holds_for(report, identity, sources_of(value)):
        return summary(report)
    return f"certified for other code: rinzler check {identity['backend']}"


def summary(report: dict[str, Any]) -> str:
    """One line for a listing: "certified 2026-09-12: 9 tiers, 7,035 checks, 2 known failures"."""
    day = str(report["when"])[:10]
    parts = (
        f"{len(report['tiers'])} tiers",
        f"{report['checks']:,} checks",
        *([f"{len(report['known'])} known to fail"] if report["known"] else []),
    )
    return f"certified {day}: {', '.join(parts)}"

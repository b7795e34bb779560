"""Verdicts on plugins, kept in the user's cache folder under all that they depend on.

That is the distribution's version, the plugin's file, this Python, core and Rinzler's variables.
What works, and what does harm, stays so. A machine without a device may get one, so any other
verdict is worth an hour.
Read next: `prober.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rinzler.plugins.discovery import core_version
from rinzler.plugins.model import Plugin, PluginReport

FOLDER = "RINZLER_PLUGIN_CACHE"
AGAIN = 3600.0  # seconds after which what did not work, but did no harm, is tried again
FORMAT = 3
FACTS = "--facts"  # what asks the prober for them
# They decide which plugins are asked, and not what one of them answers.
NO_MATTER = ("RINZLER_BLOCK", "RINZLER_PLUGINS", "RINZLER_STRICT_PLUGINS", "RINZLER_BACKEND")


@dataclass(frozen=True)
class Verdict:
    """What became of one plugin in its own process."""

    reports: tuple[dict[str, Any], ...] = ()  # as JSON: see `PluginReport`
    devices: Mapping[str, str] = field(default_factory=dict)  # of each backend that opened
    facts: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    protocol: tuple[int, ...] = ()  # of core there
    flags: tuple[str, ...] = ()  # that its options add
    harm: str = ""  # how it hung, or ended the process; then it must not be imported

    known: bool = True  # False: it could not be tried

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Verdict:
        """Out of JSON. Raises KeyError or TypeError for what is none."""
        for report in record["reports"]:
            PluginReport(**report, error=None)
        return cls(
            tuple(record["reports"]),
            dict(record["devices"]),
            dict(record["facts"]),
            tuple(record["protocol"]),
            tuple(record["flags"]),
            str(record.get("harm", "")),
        )

    @property
    def works(self) -> bool:
        return all(report["state"] in ("ready", "open") for report in self.reports)


def plain(report: PluginReport) -> dict[str, Any]:
    """A report as JSON can hold it: its error stays behind, the traceback goes along."""
    return {name: value for name, value in vars(report).items() if name != "error"}


def folder() -> Path:
    """Where verdicts lie; RINZLER_PLUGIN_CACHE names another place."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("rinzler") / "plugins"


def _identity(plugin: Plugin) -> dict[str, Any]:
    """All that a verdict depends on."""
    origin = _origin(plugin.value.partition(":")[0].partition(".")[0])
    with suppress(OSError):
        origin += f" {Path(origin).stat().st_mtime_ns}"
    told = {name: text for name, text in os.environ.items() if name.startswith("RINZLER_")}
    return {
        "format": FORMAT,
        "plugin": [plugin.distribution, plugin.version, plugin.name, plugin.value],
        "origin": origin,
        "core": core_version(),
        "python": [sys.version, sys.prefix],
        "variables": {name: text for name, text in told.items() if name not in NO_MATTER},
    }


def _origin(module: str) -> str:
    """The file of a top-level module; to look for it runs nothing of it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ""
    return (spec.origin or "") if spec else ""


def _path(identity: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return folder() / f"{digest[:24]}.json"


def kept(plugin: Plugin) -> Verdict | None:
    """The verdict on a plugin as it is; None where there is none, or where it has to be renewed."""
    identity = _identity(plugin)
    try:
        record = json.loads(_path(identity).read_text(encoding="utf-8"))
        if record["identity"] != identity:
            return None
        verdict = Verdict.of({**record, "facts": {}})
        age = time.time() - record["when"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    lasting = verdict.works or bool(verdict.harm)
    return verdict if lasting or 0 <= age < AGAIN else None


def keep(plugin: Plugin, verdict: Verdict) -> None:
    """Write a verdict down; where nothing can be written it is tried again the next time."""
    from rinzler.files import FILES, ReplaceError, replace_file

    identity = _identity(plugin)
    record = {
        "identity": identity,
        "when": time.time(),
        "reports": list(verdict.reports),
        "devices": dict(verdict.devices),
        "protocol": list(verdict.protocol),
        "flags": list(verdict.flags),
        "harm": verdict.harm,
    }
    path = _path(identity)
    with suppress(OSError, ReplaceError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [json.dumps(record).encode()], FILES)

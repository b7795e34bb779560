"""Stage 0, *found*: which plugins are installed, read from metadata alone.

Entry points name every plugin, its distribution and its version without importing any of them.
That is enough to list plugins fast and to keep one out: `RINZLER_BLOCK=a,b` never imports those,
`RINZLER_PLUGINS=a,b` imports only those. Both take names of entry points ("numba"), of
distributions ("rinzler-numba") or both ("rinzler-numba:numba").

Leaves out: everything that runs code of a plugin. Read next: `describe.py`, stage 1.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from rinzler.plugins.model import Plugin

GROUP = "rinzler"
BLOCK = "RINZLER_BLOCK"
ONLY = "RINZLER_PLUGINS"


def find_plugins() -> list[Plugin]:
    """Every installed plugin, in the order of `sys.path`, blocked ones marked as such."""
    plugins = [_plugin(point) for point in _entry_points()]
    for plugin in plugins:
        reason, mend = _blocked(plugin)
        if reason:
            plugin.status.become("blocked", reason, mend)
    return plugins


def same_distribution(one: str, other: str) -> bool:
    """Whether two spellings name one distribution, as "Rinzler_numpy" and "rinzler-numpy" do."""
    return _normal(one) == _normal(other)


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def metadata() -> Any:
    """The module that knows what is installed."""
    # One API and one speed on every version: the standard library's is as fast from 3.12 on.
    if sys.version_info >= (3, 12):
        import importlib.metadata as found
    else:
        import importlib_metadata as found
    return found


def installed() -> Iterator[tuple[str, str]]:
    """Name and version of every distribution that can be read, first on `sys.path` first."""
    for each in metadata().distributions():
        with suppress(Exception):  # a METADATA that is missing or damaged, of anybody's
            name, version = _name_and_version(each)
            if name:
                yield name, version or ""


@cache
def core_version() -> str:
    """Of rinzler-core, as it is installed."""
    return _name_and_version(metadata().distribution("rinzler-core"))[1] or ""


def _entry_points() -> list[Any]:
    found = metadata()
    try:
        return list(found.entry_points(group=GROUP))
    except Exception:
        # One unreadable entry_points.txt, of any package at all, stops the call above. Going
        # through distributions one by one is slower and loses only the unreadable one.
        return list(_entry_points_one_by_one(found.distributions()))


def _entry_points_one_by_one(distributions: Iterable[Any]) -> Iterator[Any]:
    seen = set()
    for distribution in distributions:
        try:
            points = [point for point in distribution.entry_points if point.group == GROUP]
        except Exception:
            continue  # not readable, so not ours to load; pip's own tools report it
        name = _normal(_name_of(distribution))
        if not name or name not in seen:  # the first on sys.path is what an import would find
            seen.add(name)
            yield from points


def _name_of(distribution: Any) -> str:
    """Empty where its METADATA is missing or damaged."""
    try:
        return str(distribution.name or "")
    except Exception:
        return ""


def _plugin(point: Any) -> Plugin:
    try:
        distribution, version = _name_and_version(point.dist)
    except Exception:
        distribution, version = None, None  # a METADATA file that is missing or damaged
    return Plugin(
        name=point.name,
        value=point.value,
        distribution=distribution or "unknown",
        version=version or "",
        load=point.load,
    )


def _name_and_version(distribution: Any) -> tuple[str | None, str | None]:
    """From the head of its METADATA: all of it, a README included, takes ten times as long."""
    text = distribution.read_text("METADATA")
    if not text:  # an older form of metadata
        return distribution.name, distribution.version
    head = text.partition("\n\n")[0].splitlines()
    found = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head)}
    return found.get("name"), found.get("version")


def _blocked(plugin: Plugin) -> tuple[str, str]:
    """Why the environment keeps a plugin out and what lets it in; empty where it does not."""
    if _named_in(BLOCK, plugin):
        return f"{BLOCK}={os.environ[BLOCK]} names it", f"unset {BLOCK}"
    if os.environ.get(ONLY, "").strip() and not _named_in(ONLY, plugin):
        return f"{ONLY}={os.environ[ONLY]} does not name it", f"unset {ONLY}"
    return "", ""


def _named_in(variable: str, plugin: Plugin) -> bool:
    names = [name.strip() for name in os.environ.get(variable, "").split(",")]
    return any(name and _names(name, plugin) for name in names)


def _names(name: str, plugin: Plugin) -> bool:
    distribution, colon, short = name.rpartition(":")
    if colon:
        return short == plugin.name and same_distribution(distribution, plugin.distribution)
    return name == plugin.name or same_distribution(name, plugin.distribution)

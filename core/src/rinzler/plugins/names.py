"""Two plugins, one name: whose it is, and what is said of the other.

An entry point that is called like a backend owns the name; a backend of that name under another
entry point is a duplicate. Where nobody owns it, nobody has it. The same rules serve the plugins of
this process (`manager.py`) and verdicts on plugins of another (`probing.py`).
Read next: `manager.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rinzler.plugins.model import Plugin


@dataclass(frozen=True)
class Claim:
    """A name that a plugin offers something under; of options also their flags."""

    plugin: Plugin
    name: str
    flags: tuple[str, ...] = ()


def owners(claims: Iterable[Claim], name: str) -> list[Plugin]:
    """Those that a name may mean: the plugins that are called so, where any are."""
    plugins = [claim.plugin for claim in claims if claim.name == name]
    return [plugin for plugin in plugins if plugin.name == name] or plugins


def name_clash(claim: Claim, claims: Sequence[Claim], broken: Iterable[Plugin]) -> str:
    """Who else has a name, as a reason; empty where it means this claim.

    `broken` plugins never got to say what they offer, but their own name stays theirs.
    """
    holders = owners(claims, claim.name)
    if claim.plugin.name != claim.name:
        holders += [plugin for plugin in broken if plugin.name == claim.name]
    others = sorted({str(plugin) for plugin in holders if plugin is not claim.plugin})
    if not others:
        return ""
    full = f"{claim.plugin.distribution}:{claim.name}"
    return f'the name is also that of {", ".join(others)}; ask for it as "{full}"'


def flag_clash(claim: Claim, claims: Sequence[Claim]) -> str:
    """Which flag or name of these options another plugin has too, as a reason; empty if none."""
    for other in claims:
        shared = [flag for flag in claim.flags if flag in other.flags]
        same_name = claim.name == other.name  # `run.options` could hold only one
        if other.plugin is claim.plugin or not (shared or same_name):
            continue
        what = f"{shared[0]} is also a flag" if shared else "its name is also that"
        return (
            f"{what} of {other.plugin}; uninstall one of them, or keep one out: "
            f"RINZLER_BLOCK={other.plugin.distribution}"
        )
    return ""

"""How a plugin behaves in a process of its own, which has done nothing before.

`asked(offer, "describe")` starts Python with this module as the program. It finds the one plugin,
describes it, and writes down what that imported; with "block" RINZLER_BLOCK names it, with "hide" a
package that it needs cannot be imported. Read next: `tiers/plugin.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rinzler.errors import BackendError, PluginError
from rinzler.plugins.model import Offer
from rinzler.plugins.records import BackendInfo

DEADLINE = 120.0  # seconds: a process that starts; opening compiles nothing
FREE = ("rinzler", "numpy", "pluggy", "importlib_metadata")  # what any plugin may import


def asked(offer: Offer[BackendInfo], what: str, name: str = "") -> dict[str, Any]:
    """The answer of a fresh process. Raises PluginError where it dies or hangs."""
    plugin = offer.plugin
    environment = dict(os.environ)
    for variable in ("RINZLER_BLOCK", "RINZLER_PLUGINS", "RINZLER_STRICT_PLUGINS"):
        environment.pop(variable, None)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    if what == "block":
        environment["RINZLER_BLOCK"] = offer.full_name
    with TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [sys.executable, "-m", __name__, str(answer), what, plugin.distribution]
        try:
            done = subprocess.run(
                [*command, plugin.name, name or offer.info.name],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=DEADLINE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PluginError(
                f"plugin {plugin}: a process that describes it hung for {DEADLINE:g} s"
            ) from error
        if done.returncode or not answer.exists():
            raise PluginError(
                f"plugin {plugin}: a process that describes it ended with {done.returncode}: "
                f"{done.stdout.strip()[-500:]}"
            )
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return told | {"printed": done.stdout.strip()}


class Hidden(MetaPathFinder):
    """A package that cannot be imported."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname.partition(".")[0] == self.name.partition(".")[0]:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def answer(what: str, distribution: str, entry_point: str, name: str) -> dict[str, Any]:
    """What this process, which is fresh, finds."""
    from rinzler.plugins import plugins

    if what == "hide":
        sys.meta_path.insert(0, Hidden(name))
    known = plugins()
    (plugin,) = [
        each
        for each in known.found
        if (each.distribution, each.name) == (distribution, entry_point)
    ]
    root = plugin.value.partition(":")[0].partition(".")[0]
    before = top_level()
    known.describe([plugin])
    heavy = sorted(top_level() - before - {root, *FREE} - set(sys.stdlib_module_names))
    told: dict[str, Any] = {"heavy": heavy, "state": plugin.status.state, "error": ""}
    if what != "describe":
        told["error"] = refusal(f"{distribution}:{offered(plugin.offers) or entry_point}")
        told["imported"] = root if root in sys.modules else ""
        if plugin.offers:
            told["state"] = plugin.offers[0].status.state
    return told


def offered(offers: Sequence[Offer[Any]]) -> str:
    return next((offer.info.name for offer in offers if offer.kind == "backend"), "")


def refusal(name: str) -> str:
    """What is said to who asks for it; empty where it opens."""
    from rinzler.plugins import open_device

    try:
        open_device(name)
    except BackendError as error:
        return str(error)
    return ""


def top_level() -> set[str]:
    """The packages that are imported, the private ones of Python aside."""
    return {name.partition(".")[0] for name in sys.modules}


if __name__ == "__main__":
    # The module that `asked` runs is another than the one that the rest of the kit imports.
    path, *question = sys.argv[1:]
    Path(path).write_text(json.dumps(answer(*question)), encoding="utf-8")

"""Real distributions in a folder on `sys.path`: metadata, entry points and modules.

`site.install(...)` writes what pip would; `site.plugins()` is a fresh manager that sees those
distributions and no other, and is the one of the process until the test ends.
Leaves out: dependencies. Read next: `../plugins/conftest.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from rinzler.cli.newbackend import package_of
from rinzler.plugins import manager
from rinzler.plugins.manager import Plugins
from rinzler.plugins.model import PluginReport

HEADER = "from rinzler.plugins import BackendInfo, CorpusInfo, hookimpl\n"


class Site:
    """A folder that packages are installed into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.distributions: list[str] = []

    def install(
        self,
        distribution: str,
        entry_points: Mapping[str, str],
        modules: Mapping[str, str],
        version: str = "1.0",
    ) -> None:
        """Install a distribution; a module's source gets Rinzler's plugin imports for free."""
        info = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        points = "\n".join(["[rinzler]", *lines, ""])
        (info / "entry_points.txt").write_text(points, encoding="utf-8")
        for name, source in modules.items():
            (self.path / f"{name}.py").write_text(HEADER + source, encoding="utf-8")
        self.distributions.append(distribution)
        importlib.invalidate_caches()

    def install_plugin(self, name: str, source: str, version: str = "1.0") -> None:
        """A distribution rinzler-NAME with one entry point, NAME, and one module."""
        module = f"rinzler_{name}_plugin"
        self.install(f"rinzler-{name}", {name: module}, {module: source}, version)

    def write_stranger(self, name: str) -> None:
        """The package of a stranger's backend, which works: what `rinzler new-backend` writes."""
        ours = f"rinzler_{name}"  # in another package: a backend called numpy may be there already
        for place, text in package_of(name).items():
            if place.startswith("src/"):
                path = self.path / place.removeprefix("src/").replace(ours, f"strange_{name}")
                path.parent.mkdir(exist_ok=True)
                path.write_text(text.replace(ours, f"strange_{name}"), encoding="utf-8")

    def install_stranger(self, name: str = "stranger", priority: int = 40) -> None:
        """A stranger's backend, called like its entry point."""
        self.write_stranger(name)
        record = f"{name!r}, 'strange_{name}.backend:Backend', priority={priority}"
        self.install_plugin(name, backends(record))

    def plugins(self) -> Plugins:
        """A fresh manager of this site alone, in force for the process."""
        manager._plugins = plugins = Plugins()
        plugins.found = [each for each in plugins.found if each.distribution in self.distributions]
        return plugins

    def report(self, name: str, depth: str = "described") -> PluginReport:
        """The one report of that name."""
        (found,) = [each for each in manager.plugins().reports(depth) if each.name == name]
        return found


def backends(*records: str) -> str:
    """The source of a light module that offers these backends."""
    listed = ", ".join(f"BackendInfo({record})" for record in records)
    return f"@hookimpl\ndef rinzler_backends():\n    return [{listed}]\n"

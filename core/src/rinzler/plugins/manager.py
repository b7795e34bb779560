"""The plugins of this process: found once, described when asked for, opened when chosen.

    found --describe.py--> ready | broken
    each backend, when it is asked for
          --checks.py--> ready | incompatible | missing | unavailable | broken
    the chosen one --opening.py--> open | failed

Asking for "numpy" describes the entry point called "numpy" and nothing else; only a name that is
not found that way makes all plugins speak. Such an entry point also owns the name: a backend
"numpy" offered under another entry point is a duplicate, whichever is described first.

Leaves out: what is the default and what `auto` takes (`select.py`). Read next: `select.py`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rinzler.errors import BackendError, PluginError
from rinzler.plugins import messages
from rinzler.plugins.checks import check
from rinzler.plugins.describe import describe, new_manager
from rinzler.plugins.devices import devices_of, expect_usable
from rinzler.plugins.discovery import find_plugins, same_distribution
from rinzler.plugins.loading import one_line
from rinzler.plugins.model import (
    Offer,
    Plugin,
    PluginReport,
    in_listing,
    report_offer,
    report_plugin,
)
from rinzler.plugins.names import Claim, flag_clash, name_clash
from rinzler.plugins.opening import open_offer
from rinzler.plugins.options import PluginOptions
from rinzler.plugins.records import BUILT_IN_TOKENIZERS, BackendInfo, split_device

if TYPE_CHECKING:
    from pluggy import HookImpl, PluginManager

    from rinzler.ops import Device

STRICT = "RINZLER_STRICT_PLUGINS"


class Plugins:
    """All plugins of a process and what has become of each."""

    def __init__(self) -> None:
        self.found = find_plugins()
        # A plugin may ask for a backend while it is imported, or from a probe.
        self._begun: set[Plugin | Offer[BackendInfo]] = set()
        self._devices: dict[str, Device] = {}  # by the name that was asked for
        self._lock = threading.RLock()

    @cached_property
    def _pluggy(self) -> PluginManager:
        return new_manager()  # a listing that knows all verdicts does without

    def describe(self, plugins: Iterable[Plugin] | None = None) -> None:
        """Stage 1 for these plugins, or for all; what is done already stays done."""
        with self._lock:
            for plugin in self.found if plugins is None else plugins:
                if plugin in self._begun or plugin.status.state == "blocked":
                    continue
                self._begun.add(plugin)
                describe(plugin, self._pluggy)

    def keep_out(self, plugin: Plugin, reason: str, mend: str) -> None:
        """Import nothing of a plugin that is known to do harm (`probing.py`)."""
        with self._lock:
            if plugin not in self._begun:
                self._begun.add(plugin)
                plugin.status.become("broken", reason, mend)

    def open_backend(self, name: str, source: str = "") -> Device:
        """The device of "NAME", "DISTRIBUTION:NAME" or "NAME:N"; `source`: where that came from.

        Raises BackendError, chained to what the plugin raised.
        """
        with self._lock:
            if name not in self._devices:
                offer, number = self.usable(name, source)
                self._devices[name] = open_offer(offer, number)
            return self._devices[name]

    def usable(self, name: str, source: str = "") -> tuple[Offer[BackendInfo], int | None]:
        """What a name means, and the number of its device. BackendError if it may not be opened."""
        plain, number = split_device(name)
        offer: Offer[BackendInfo] = self.find("backend", plain, source)
        expect_usable(offer, number, source)
        return offer, number

    def list_devices(self, name: str) -> list[str]:
        """A line for each device of a backend, by number. Raises BackendError."""
        return list(devices_of(self.find("backend", name)))

    def offers(self, kind: str) -> list[Offer[Any]]:
        """What all described plugins offer of a kind: "backend", "corpus", "tokenizer", "options".

        Whether a backend can be used here is found out now and not before: it takes numpy and
        probes, which a command that asks for options alone need not wait for.
        """
        return self._checked(self._described(kind))

    def infos(self, kind: str) -> list[Any]:
        """The records of a kind that plugins offer under a name of their own, sorted by name."""
        self.check_strict()
        self.describe()
        own = [offer.info for offer in self.offers(kind) if not self.clash(offer)]
        return sorted(own, key=lambda info: info.name)

    def _described(self, kind: str) -> list[Offer[Any]]:
        offers = [offer for plugin in self.found for offer in plugin.offers]
        return [offer for offer in offers if offer.kind == kind]

    def _checked(self, offers: list[Offer[Any]]) -> list[Offer[Any]]:
        with self._lock:
            for offer in offers:
                if isinstance(offer.info, BackendInfo) and offer not in self._begun:
                    self._begun.add(offer)
                    check(offer)
        return offers

    def find(self, kind: str, name: str, source: str = "") -> Offer[Any]:
        """The offer "NAME" or "DISTRIBUTION:NAME"; `source` says where the name came from.

        Raises what `messages.ERRORS` has for the kind.
        """
        with self._lock:
            return self._find(kind, name, source)

    def _find(self, kind: str, name: str, source: str) -> Offer[Any]:
        self.check_strict()
        distribution, _, short = name.rpartition(":")
        named = [
            plugin
            for plugin in self.found
            if plugin.name == short and _is_from(plugin, distribution)
        ]
        self.describe(named)
        matching = self._matching(kind, name)
        if not any(offer.plugin in named for offer in matching):
            for plugin in named:
                if plugin.status.state == "broken":  # the name is its own, and nobody else's
                    raise messages.plugin_unusable(kind, name, source, plugin)
            self.describe()
            matching = self._matching(kind, name)
        if len(matching) > 1:
            raise messages.contested(kind, name, source, matching)
        if matching:
            return self._checked(matching)[0]
        for plugin in named:
            if plugin.status.state == "blocked":
                raise messages.plugin_unusable(kind, name, source, plugin)
        names = {offer.info.name for offer in self._described(kind)}
        if kind == "tokenizer":
            names |= set(BUILT_IN_TOKENIZERS)
        installed = sorted(names)
        broken = [plugin for plugin in self.found if plugin.status.state == "broken"]
        raise messages.not_installed(kind, name, source, installed, broken)

    def _matching(self, kind: str, name: str) -> list[Offer[Any]]:
        """The offers that a name may mean: those of its owners where it has any."""
        distribution, _, short = name.rpartition(":")
        offers = [
            offer
            for offer in self._described(kind)
            if offer.info.name == short and _is_from(offer.plugin, distribution)
        ]
        return [offer for offer in offers if offer.plugin.name == short] or offers

    def clash(self, offer: Offer[Any]) -> str:
        """Who else has the name of an offer, as a reason; empty where it means this offer."""
        claims = [_claim(each) for each in self._described(offer.kind)]
        if isinstance(offer.info, PluginOptions):
            return flag_clash(_claim(offer), claims)
        broken = [each for each in self.found if each.status.state == "broken"]
        return name_clash(_claim(offer), claims, broken)

    def listeners(self, hook: str) -> list[tuple[Plugin, HookImpl]]:
        """Who hears an event, in pluggy's order."""
        self.check_strict()
        self.describe()
        by_key = {plugin.key: plugin for plugin in self.found}
        # pluggy keeps implementations in reverse order of calling.
        implementations = reversed(getattr(self._pluggy.hook, hook).get_hookimpls())
        return [(by_key[each.plugin_name], each) for each in implementations]

    def silence(self, plugin: Plugin, hook: str, error: BaseException) -> None:
        """Drop a plugin from all events; its open backend and its corpora stay."""
        with self._lock:
            if self._pluggy.get_plugin(plugin.key) is not None:
                self._pluggy.unregister(name=plugin.key)
            mend = f"pip install --upgrade {plugin.distribution}"
            plugin.events.become("broken", f"{hook} raised {one_line(error)}", mend, error)

    def check_strict(self) -> None:
        """With RINZLER_STRICT_PLUGINS set, raise PluginError if any plugin is broken."""
        if os.environ.get(STRICT, "") in ("", "0"):
            return
        broken = [report for report in self.reports("described") if report.state == "broken"]
        if broken:
            lines = [f"{each.name} ({each.distribution}): {each.reason}" for each in broken]
            raise PluginError(
                f"{STRICT} is set and a plugin is broken: {'; '.join(lines)}. "
                f"Look at it with: rinzler backends -v {broken[0].name}"
            ) from broken[0].error

    def reports(self, depth: str = "open") -> list[PluginReport]:
        """One report per offer and per listener, and per plugin that is neither.

        `depth` says how far to go first: "found" imports nothing, "described" imports the light
        modules, "open" also opens every backend that is ready. Never raises what a plugin raises.
        """
        if depth != "found":
            self.describe()
            self.offers("backend")  # checks them
        if depth == "open":
            self._open_all()
        reports = [report for plugin in self.found for report in self._reports_of(plugin)]
        return sorted(reports, key=in_listing)

    def _open_all(self) -> None:
        for offer in self.offers("backend"):
            if offer.status.state == "ready":
                try:
                    open_offer(offer)
                except BackendError:
                    continue  # it is in the offer's status, which is what a listing shows

    def _reports_of(self, plugin: Plugin) -> list[PluginReport]:
        reports = [report_offer(each, self.clash(each)) for each in plugin.offers]
        if plugin.listens:
            heard = ", ".join(hook.removeprefix("rinzler_") for hook in plugin.listens)
            reports.append(report_plugin(plugin, "events", plugin.events, f"hears {heard}"))
        return reports or [report_plugin(plugin, "plugin", plugin.status, "")]


def _claim(offer: Offer[Any]) -> Claim:
    flags = tuple(offer.info.flags) if isinstance(offer.info, PluginOptions) else ()
    return Claim(offer.plugin, offer.info.name, flags)


def _is_from(plugin: Plugin, distribution: str) -> bool:
    return not distribution or same_distribution(plugin.distribution, distribution)


_plugins: Plugins | None = None
_plugins_lock = threading.Lock()


def plugins() -> Plugins:
    """The plugins of this process; the environment is read when they are first asked for."""
    global _plugins  # noqa: PLW0603 - one per process is the point
    with _plugins_lock:
        if _plugins is None:
            _plugins = Plugins()
        return _plugins

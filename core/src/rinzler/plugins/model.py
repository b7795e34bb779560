"""What is known of each plugin while the program runs, and the report that people see.

`Plugin` is one entry point, `Offer` one thing that it brings along; both carry a `Status` that
moves forward through `STATES`. `PluginReport` is the frozen view of one line of
`rinzler backends`.

Leaves out: how a state is reached. Read next: `discovery.py`, the first stage.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rinzler.plugins.options import PluginOptions
from rinzler.plugins.records import BackendInfo, CorpusInfo, TokenizerInfo

if TYPE_CHECKING:
    from rinzler.ops import Device

STATES = {
    "found": "named in a distribution's metadata; nothing of it was imported",
    "blocked": "RINZLER_BLOCK or RINZLER_PLUGINS keeps it out; nothing of it was imported",
    "broken": "its plugin module, a hook or a probe raised or answered nonsense",
    "incompatible": "it was written for another op protocol",
    "missing": "a package that it needs is not installed",
    "unavailable": "its probe says that this machine cannot run it",
    "duplicate": "another plugin has the name; where names can be given, ask for DISTRIBUTION:NAME",
    "ready": "can be used",
    "open": "in use in this process; it has passed its self check",
    "failed": "it did not open: factory, required kernels or self check",
}


@dataclass
class Status:
    """A state with its reason, the command that mends it, and the error behind it."""

    state: str = "found"
    reason: str = ""
    mend: str = ""
    error: BaseException | None = None
    traceback: str = ""

    def become(
        self, state: str, reason: str = "", mend: str = "", error: BaseException | None = None
    ) -> None:
        """Move to another state; an error is kept as a cause to chain and as text."""
        self.state, self.reason, self.mend, self.error = state, reason, mend, error
        self.traceback = "".join(traceback.format_exception(error)) if error else ""


InfoT = TypeVar("InfoT", BackendInfo, CorpusInfo, TokenizerInfo, PluginOptions)


@dataclass(eq=False)
class Offer(Generic[InfoT]):
    """A backend, a corpus, a tokenizer or options, and the plugin that offers it."""

    plugin: Plugin
    info: InfoT
    status: Status = field(default_factory=Status)
    devices: dict[int | None, Device] = field(
        default_factory=dict
    )  # open, by number; None: its own

    @property
    def kind(self) -> str:
        """ "backend", "corpus", "tokenizer" or "options"."""
        return self.info.KIND

    @property
    def full_name(self) -> str:
        """The name that no other distribution can have: "rinzler-numpy:numpy"."""
        return f"{self.plugin.distribution}:{self.info.name}"


@dataclass(eq=False)
class Plugin:
    """One entry point of the group `rinzler`."""

    name: str  # of the entry point; by convention also of the backend that it offers
    value: str  # "rinzler_numpy.plugin"
    distribution: str  # "rinzler-numpy"
    version: str
    load: Callable[[], object]  # imports the light module
    status: Status = field(default_factory=Status)
    offers: list[Offer[Any]] = field(default_factory=list)
    listens: tuple[str, ...] = ()  # the events that it implements
    events: Status = field(default_factory=Status)  # of its event hooks, apart from its offers

    @property
    def key(self) -> str:
        """What pluggy knows it by: unlike the names, never shared by two entry points."""
        return f"{self.distribution}:{self.name} at {id(self):x}"

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True)
class PluginReport:
    """One line of `rinzler backends`: one offer, a listener, or a plugin without either."""

    name: str
    kind: str  # that of its offer, or "events", or "plugin" where it never got to say
    state: str  # one of STATES
    reason: str
    mend: str  # the command to type next, where there is one
    distribution: str
    version: str
    value: str  # the entry point: what was imported, or would be
    priority: int | None  # of a backend
    summary: str
    traceback: str
    error: BaseException | None = field(repr=False, compare=False)  # what `traceback` shows


KINDS = ("backend", "corpus", "tokenizer", "options", "events", "plugin")  # as a listing has them


def in_listing(report: PluginReport) -> tuple[int, int, str]:
    """Where a report stands in a listing."""
    return KINDS.index(report.kind), -(report.priority or 0), report.name


def report_offer(offer: Offer[Any], clash: str) -> PluginReport:
    """The report of one offer; `clash` says who else has the name, empty where nobody has."""
    status, info, plugin = offer.status, offer.info, offer.plugin
    usable = status.state in ("ready", "open")
    return PluginReport(
        name=info.name,
        kind=offer.kind,
        state="duplicate" if clash and status.state == "ready" else status.state,
        reason=clash if clash and usable else status.reason,
        mend=status.mend,
        distribution=plugin.distribution,
        version=plugin.version,
        value=plugin.value,
        priority=info.priority if isinstance(info, BackendInfo) else None,
        summary=info.summary,
        traceback=status.traceback,
        error=status.error,
    )


def report_plugin(plugin: Plugin, kind: str, status: Status, summary: str) -> PluginReport:
    """The report of a plugin as a whole, or of its event hooks."""
    return PluginReport(
        name=plugin.name,
        kind=kind,
        state=status.state,
        reason=status.reason,
        mend=status.mend,
        distribution=plugin.distribution,
        version=plugin.version,
        value=plugin.value,
        priority=None,
        summary=summary,
        traceback=status.traceback,
        error=status.error,
    )

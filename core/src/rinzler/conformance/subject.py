"""`Subject`: the backend that is checked, opened when a check first needs it.

A backend that is only half written has no `Device` yet: core refuses one that lacks a required
kernel. So a subject has two faces, the raw `backend`, which the bring-up facts look at, and its
`device`, for everything after that. Each is made once, and what making it raises is raised to each
check that asks.

Leaves out: finding plugins (`rinzler.plugins`). Read next: `check.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from rinzler.errors import PluginError
from rinzler.ops import FLOATS, Backend, Device

if TYPE_CHECKING:
    from rinzler.plugins.model import Offer
    from rinzler.plugins.records import BackendInfo


class Subject:
    """A backend under test: its name, how it is made, and the plugin that offers it, if any."""

    def __init__(
        self,
        name: str,
        make: Callable[[], Backend],
        offer: Offer[BackendInfo] | None = None,
    ) -> None:
        self.name = name  # as it was asked for: "vulkan:0"
        self.make = make
        self._offer = offer

    @classmethod
    def installed(cls, name: str) -> Subject:
        """The backend "NAME", "NAME:N" or "DISTRIBUTION:NAME". Raises BackendError."""
        from rinzler.plugins import plugins
        from rinzler.plugins.opening import constructed

        offer, number = plugins().usable(name)
        return cls(name, lambda: constructed(offer.info, number), offer)

    @classmethod
    def of(cls, backend: Backend) -> Subject:
        """A backend that is there already, and that no plugin offers."""
        return cls(backend.name, lambda: backend)

    @cached_property
    def backend(self) -> Backend:
        return self.make()

    @cached_property
    def device(self) -> Device:
        """Raises BackendError where required kernels are missing."""
        return Device(self.backend)

    def fresh(self) -> Device:
        """Another device over the same backend: no memory and no constants are shared."""
        return Device(self.backend)

    @property
    def dtypes(self) -> list[str]:
        """The float dtypes that it holds; float32 first."""
        return [dtype for dtype in FLOATS if dtype in self.backend.caps.dtypes]

    @property
    def offer(self) -> Offer[BackendInfo]:
        """Raises PluginError for a backend that is not installed as a plugin."""
        if self._offer is None:
            raise PluginError(
                f"backend {self.name!r} was not found through a plugin: give its distribution "
                "an entry point of the group 'rinzler', then ask for it by name"
            )
        return self._offer

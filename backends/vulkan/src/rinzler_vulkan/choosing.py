"""Which of the devices that a driver lists is taken, as a pure function of that list.

Discrete before integrated before virtual; a software device only when it is named, because it is
slower than the CPU backends and exists for tests. Read next: `instance.py`, which makes the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rinzler_vulkan.errors import DeviceTooOld, NoDevice

RANKS = {"discrete": 0, "integrated": 1, "virtual": 2, "other": 3, "software": 4}
VARIABLE = "RINZLER_VULKAN_DEVICE"


@dataclass(frozen=True)
class Adapter:
    """A device as its driver lists it."""

    index: int
    name: str
    kind: str  # a key of RANKS
    lacks: tuple[str, ...]  # what every kernel needs and this device has not
    driver: str = ""
    handle: Any = None  # VkPhysicalDevice

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.kind})"

    @property
    def text(self) -> str:
        """For a list in which its number is said already."""
        lacks = f"; lacks {', '.join(self.lacks)}" if self.lacks else ""
        return f"{self.name} ({self.kind}, {self.driver}{lacks})"


def choose(adapters: Sequence[Adapter], wish: str = "") -> Adapter:
    """The best usable device, or the one that is wished for.

    A wish is a number of the list, a kind, or part of a name. Raises NoDevice, DeviceTooOld.
    """
    listing = "; ".join(map(str, adapters)) or "none"
    found = [a for a in adapters if not wish or _is(a, wish)]
    if not wish:
        found = [a for a in found if a.kind != "software"]
    if not found:
        if wish:
            what = f"device {wish}" if wish.isdecimal() else f"device called {wish!r}"
            raise NoDevice(f"there is no {what}; there are: {listing}")
        if adapters:
            raise NoDevice(
                f"there is only a software device, {adapters[0].name}: it is for tests. "
                f"Name it to use it: --device {adapters[0].index}, or {VARIABLE}=software"
            )
        raise NoDevice("the Vulkan drivers of this machine list no device")
    usable = [a for a in found if not a.lacks]
    if not usable:
        raise DeviceTooOld(
            f"{found[0].name} lacks {', '.join(found[0].lacks)}: upgrade its driver, "
            f"or choose another device, with --device N or {VARIABLE}, out of: {listing}"
        )
    return min(usable, key=lambda a: (RANKS[a.kind], a.index))


def _is(adapter: Adapter, wish: str) -> bool:
    if wish.isdecimal():
        return adapter.index == int(wish)
    return wish.lower() == adapter.kind or wish.lower() in adapter.name.lower()

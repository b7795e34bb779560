"""Why this machine cannot run the backend, in one sentence; or None.

Lists the devices of the drivers and opens none. A software device alone counts as none, unless it
is named: it is slower than the CPU backends. Read next: `choosing.py`.
"""

from __future__ import annotations

from rinzler.errors import BackendError
from rinzler_vulkan.choosing import Adapter, choose
from rinzler_vulkan.instance import Instance
from rinzler_vulkan.settings import Settings


def probe() -> str | None:
    """For `rinzler backends` and for `auto`."""
    try:
        choose(adapters(), Settings.read().device)
    except BackendError as error:
        return str(error)
    return None


def devices() -> list[str]:
    """A line for each device, for `rinzler backends -v`. Raises NoLoader, NoDriver."""
    return [adapter.text for adapter in adapters()]


def adapters() -> list[Adapter]:
    """All devices of all drivers. Raises NoLoader, NoDriver."""
    instance = Instance()
    try:
        return instance.adapters()
    finally:
        instance.close()

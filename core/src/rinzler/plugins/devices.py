"""Several devices of one backend: "vulkan:1" is device 1 of the backend "vulkan".

The backend lists them, as lines of text, and opens them by number; what one is, it alone knows.
Leaves out: names (`records.split_device`). Read next: `manager.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rinzler.errors import BackendError, PluginError
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code, resolve
from rinzler.plugins.messages import offer_unusable
from rinzler.plugins.model import Offer
from rinzler.plugins.records import BackendInfo


def expect_numbered(offer: Offer[BackendInfo], number: int) -> None:
    """Raises BackendError where a backend has no devices to choose from."""
    if offer.info.devices is None:
        raise BackendError(
            f'backend "{offer.info.name}" ({offer.plugin}) has no devices to choose from: ask for '
            f'"{offer.info.name}", without the {number}'
        )


def expect_usable(offer: Offer[BackendInfo], number: int | None, source: str) -> None:
    """BackendError where an offer may not be opened; `source` says where its name came from."""
    states = ["ready", "open", "failed"]
    if number is not None:
        expect_numbered(offer, number)
        states.append("unavailable")  # by itself; a device that is named may be fine
    if offer.status.state not in states:
        raise offer_unusable(source, offer)


def devices_of(offer: Offer[BackendInfo]) -> Sequence[str]:
    """A line for each device, in the order of their numbers; none where there is no choice.

    Raises BackendError, chained to what the plugin raised.
    """
    if offer.info.devices is None:
        return ()
    try:
        with plugin_code():
            lines = list(resolve(offer.info.devices)())
        if not all(isinstance(line, str) for line in lines):
            raise PluginError(f"{offer.info.devices!r} returned {lines!r}, expected lines of text")
    except BackendError:
        raise
    except PLUGIN_ERRORS as error:
        raise BackendError(
            f'backend "{offer.info.name}" ({offer.plugin}) did not list its devices: '
            f"{one_line(error)}"
        ) from error
    return tuple(" ".join(line.split()) for line in lines)

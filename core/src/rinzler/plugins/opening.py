"""Stage 2, *open*: import the backend itself, construct it, and see it add three numbers.

Only here does the heavy import run, and only for the backend that was chosen. The self check sends
three numbers through allocation, upload, a kernel and download: a driver that loads and computes
nonsense is found before a training run is built on it.

Leaves out: the conformance kit, which judges every kernel. Read next: `manager.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rinzler.errors import BackendError, RinzlerError
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code, resolve
from rinzler.plugins.model import Offer
from rinzler.plugins.records import BackendInfo

if TYPE_CHECKING:
    from rinzler.ops import Backend, Device

# Halves and quarters: their sums are exact in float32, so that equality is the test.
LEFT = (1.5, -2.0, 3.25)
RIGHT = (0.25, 4.0, -1.25)


def open_offer(offer: Offer[BackendInfo], number: int | None = None) -> Device:
    """The device of an offer that is ready, or the one of that number; opened at most once.

    Raises BackendError, chained to what the backend raised, and leaves the offer `failed`; asking
    again tries again, for the reader who has mended it in the meantime. A wrong number says nothing
    of the offer, which stays as it was.
    """
    if number in offer.devices:
        return offer.devices[number]
    try:
        with plugin_code():
            device = _device_of(offer.info, number)
            self_check(device)
    except PLUGIN_ERRORS as error:
        reason = str(error) if isinstance(error, RinzlerError) else one_line(error)
        end = "." if reason[-1:] not in ".!?" else ""
        look = f"The whole traceback: rinzler backends -v {offer.info.name}"
        if number is None:
            offer.status.become("failed", reason, error=error)
        else:
            look = f"All devices: rinzler backends -v {offer.info.name}"
        raise BackendError(
            f'backend "{_named(offer.info, number)}" ({offer.plugin}) did not open: '
            f"{reason}{end} {look}"
        ) from error
    offer.devices[number] = device
    offer.status.become("open")
    return device


def _named(info: BackendInfo, number: int | None) -> str:
    return info.name if number is None else f"{info.name}:{number}"


def constructed(info: BackendInfo, number: int | None) -> Backend:
    """The backend that an offer's factory makes. Raises BackendError for anything else."""
    from rinzler.ops import Backend

    backend = resolve(info.factory)(**({} if number is None else {"device": number}))
    if not isinstance(backend, Backend):
        raise BackendError(
            f"factory {info.factory!r} returned {type(backend).__name__}, "
            "expected a rinzler.ops.Backend"
        )
    if backend.name != info.name:
        raise BackendError(
            f"factory {info.factory!r} made a backend that calls itself {backend.name!r}, "
            f"expected {info.name!r}"
        )
    return backend


def _device_of(info: BackendInfo, number: int | None) -> Device:
    from rinzler.ops import Device

    device = Device(constructed(info, number))
    device.name = _named(info, number)  # two devices of one backend are told apart by it
    return device


def self_check(device: Device) -> None:
    """Add three known numbers on the device. Raises BackendError with both results."""
    import numpy as np

    from rinzler.ops import call

    left, right = (device.array(np.array(side, dtype=np.float32)) for side in (LEFT, RIGHT))
    got = call("add", left, right).numpy().tolist()
    expected = [a + b for a, b in zip(LEFT, RIGHT, strict=True)]
    if got != expected:
        raise BackendError(
            f"self check: {list(LEFT)} + {list(RIGHT)} came back as {got}, expected {expected}"
        )

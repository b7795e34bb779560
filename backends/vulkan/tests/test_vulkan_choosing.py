"""Which device is taken, and what is said where none is. No driver."""

from __future__ import annotations

import pytest

from rinzler.errors import BackendError
from rinzler_vulkan.choosing import Adapter, choose
from rinzler_vulkan.errors import DeviceTooOld, NoDevice
from rinzler_vulkan.settings import Settings

SOFT = Adapter(0, "llvmpipe (LLVM 15)", "software", ())
INSIDE = Adapter(1, "Iris Xe", "integrated", ())
CARD = Adapter(2, "RTX 4090", "discrete", ())
OLD = Adapter(3, "GT 710", "discrete", ("Vulkan 1.3 (it has 1.2)",))


@pytest.mark.parametrize(
    ("there", "wish", "taken"),
    [
        ([SOFT, INSIDE, CARD], "", CARD),
        ([SOFT, INSIDE], "", INSIDE),
        ([SOFT, INSIDE, OLD], "", INSIDE),
        ([SOFT, INSIDE, CARD], "software", SOFT),
        ([SOFT, INSIDE, CARD], "llvm", SOFT),
        ([SOFT, INSIDE, CARD], "iris", INSIDE),
        ([SOFT, INSIDE, CARD], "1", INSIDE),
        ([CARD, Adapter(7, "RTX 4090", "discrete", ())], "", CARD),
    ],
)
def test_the_best_device_or_the_one_that_is_named(there: list, wish: str, taken: Adapter) -> None:
    assert choose(there, wish) is taken


@pytest.mark.parametrize(
    ("there", "wish", "error", "words"),
    [
        ([], "", NoDevice, "list no device"),
        ([SOFT], "", NoDevice, "RINZLER_VULKAN_DEVICE=software"),
        ([SOFT, CARD], "radeon", NoDevice, r"'radeon'; there are: 0: llvmpipe .*; 2: RTX 4090"),
        ([CARD], "0", NoDevice, "no device 0; there are: 2: RTX 4090"),
        ([OLD], "", DeviceTooOld, r"GT 710 lacks Vulkan 1.3 \(it has 1.2\): upgrade its driver"),
    ],
)
def test_what_is_said_where_none_is(there: list, wish: str, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        choose(there, wish)


def test_settings_come_from_the_environment() -> None:
    names = ("DEVICE", "VALIDATE", "BARRIERS", "WITHOUT", "TIMEOUT", "CACHE")
    values = ("1", "1", "all", "direct, budget", "2.5", "/somewhere")
    environment = {f"RINZLER_VULKAN_{k}": v for k, v in zip(names, values, strict=True)}
    without = frozenset({"direct", "budget"})
    assert Settings.read(environment) == Settings("1", True, "all", without, 2.5, "/somewhere")
    assert Settings.read({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"), [("BARRIERS", "few"), ("TIMEOUT", "soon"), ("TIMEOUT", "-1")]
)
def test_settings_that_mean_nothing_are_refused(name: str, value: str) -> None:
    with pytest.raises(BackendError, match=f"RINZLER_VULKAN_{name} is '{value}', expected"):
        Settings.read({f"RINZLER_VULKAN_{name}": value})

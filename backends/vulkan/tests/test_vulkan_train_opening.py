"""What a user of `rinzler-train` sees where no device can be had: one line, and exit code 3.

Everything is brought about in the tables of Vulkan functions, so that all that lies above them is
what really runs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vulkan_shell import SETTINGS, Shell, after

from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.instance import Instance


class Loader:
    """Among those that find modules: it refuses what would load the library of Vulkan."""

    absent = False

    def find_spec(self, name: str, *rest: Any) -> None:
        if self.absent and name == "vulkan._vulkan":
            raise OSError("Cannot find Vulkan SDK version")


sys.meta_path.insert(0, Loader())  # type: ignore[arg-type]  # that is all that is asked of it


def no_loader(patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "vulkan"]:
        patch.delitem(sys.modules, name)
    patch.setattr(Loader, "absent", True)
    vk.package.cache_clear()


def no_driver(patch: pytest.MonkeyPatch) -> None:
    real = vk.global_functions

    def without() -> Any:
        table = real()
        table.vkCreateInstance = lambda *_: C.ERROR_INCOMPATIBLE_DRIVER
        return table

    patch.setattr(vk, "global_functions", without)


def no_device(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Instance, "adapters", lambda self: [])


def too_old(patch: pytest.MonkeyPatch) -> None:
    real = vk.instance_functions

    def old(instance: Any, *names: Any) -> Any:
        table = real(instance, *names)
        if "vkGetPhysicalDeviceProperties2" not in vars(table):
            return table
        ask = table.vkGetPhysicalDeviceProperties2

        def answer(handle: Any, properties: Any) -> None:
            ask(handle, properties)
            properties.properties.apiVersion = 1 << 22 | 1 << 12

        table.vkGetPhysicalDeviceProperties2 = answer
        return table

    patch.setattr(vk, "instance_functions", old)


def all_is_well(patch: pytest.MonkeyPatch) -> None:
    """A software device is there, as on every machine that runs these tests."""


@pytest.mark.parametrize(
    ("wrong", "more", "words"),
    [
        (no_loader, "", r"there is no Vulkan loader on this machine: install the driver of your G"),
        (no_driver, "", r"no Vulkan driver could be loaded .*apt install libvulkan1 mesa-vulkan-"),
        (no_device, "", r"the Vulkan drivers of this machine list no device"),
        (no_device, "--device 0", r"there is no device 0; there are: none"),
        (
            too_old,
            "--device 0",
            r"lacks Vulkan 1\.3 \(it has 1\.1\): upgrade its driver, or choose ",
        ),
        (all_is_well, "--device 9", r"there is no device 9; there are: 0: .*backends -v vulkan"),
    ],
)
def test_no_device_can_be_had(
    shell: Shell, wrong: Callable[..., None], more: str, words: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        wrong(patch)
        code, err = shell.train(more)
        assert code == 3
        (line,) = err.splitlines()
        assert line.startswith('error: backend "vulkan')
        assert re.search(words, line), line
        assert not Path("runs").exists()
        if not more:  # nobody insists: another backend trains, and says why
            command = f"rinzler-train fox.txt {' '.join(SETTINGS.split())} --steps 1".split()
            command = command[: command.index("--steps")] + command[-2:]
            code, err = shell(" ".join(command))
            assert code == 0
            assert re.search(words, after(err, "skipped    passed over vulkan"))
            assert "backend    numpy" in err
    vk.package.cache_clear()


def test_a_software_device_has_to_be_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Instance.adapters
    only = lambda self: [each for each in real(self) if each.kind == "software"]  # noqa: E731
    monkeypatch.setattr(Instance, "adapters", only)
    code, err = shell.train("")
    assert code == 3
    assert "only a software device" in err
    assert "Name it to use it: --device " in err
    code, err = shell.train()
    assert code == 0
    assert re.search(r"^backend    vulkan:0 · .*\(software, .*\) \(\"vulkan\" was asked", err, re.M)
    assert "rinzler-generate" in err

"""What a user of `rinzler-train` sees when a device fails in the middle: text, exit code, commands.

Everything is brought about in the tables of Vulkan functions, so that all that lies above them is
what really runs. The commands that a message says to type are typed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vulkan_shell import FOLDER, SETTINGS, Shell, Table, after
from vulkan_testing import FULL, LOST, failing

from rinzler import checkpoint
from rinzler.cli.attended import AttendedTrainer
from rinzler.plugins import manager
from rinzler_vulkan import constants as C
from rinzler_vulkan import memory

FLAGS = ("--batch-size", "--accumulate")

# --- memory -----------------------------------------------------------------------------------


def small(nbytes: int) -> Table:
    """A device with so little memory."""

    def change(table: Any) -> None:
        real_allocate, real_free = table.vkAllocateMemory, table.vkFreeMemory
        held: dict[Any, int] = {}

        def allocate(device: Any, info: Any, allocator: Any, out: Any) -> int:
            size = int(info.allocationSize)
            if sum(held.values()) + size > nbytes:
                return FULL
            result = int(real_allocate(device, info, allocator, out))
            held[out[0]] = size
            return result

        def free(device: Any, handle: Any, allocator: Any) -> None:
            held.pop(handle, None)
            real_free(device, handle, allocator)

        table.vkAllocateMemory, table.vkFreeMemory = allocate, free

    return change


def test_too_little_memory_comes_with_a_batch_that_fits(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "CHUNK", 1 << 18)
    monkeypatch.setattr("rinzler_vulkan.transfer.RING", 1 << 18)
    shell.tables.append(small(5 << 20))
    settings = " ".join(SETTINGS.split()).replace("--batch-size 8", "--batch-size 96")
    code, err = shell(f"rinzler-train fox.txt --vulkan --device 0 {settings} --accumulate 2")
    assert code == 3
    sizes = (  # of what was asked for, and of what there is
        r" has no room for [\d.]+ MiB in one piece: [\d.]+ MiB are held by this process, about "
        r"[\d.]+ MiB free\. Use a smaller --batch-size, --context or --d-model$"
    )
    assert re.search(sizes, after(err, "error: ")), err
    assert "no checkpoint was saved" in err
    assert "looking for a batch that fits" in err
    command = after(err, "in less memory: ")
    size, passes = (int(re.findall(rf"{flag} (\d+)", command)[-1]) for flag in FLAGS)
    assert size * passes == 192
    assert 1 < size < 96
    code, err = shell(command.replace(f"--batch-size {size}", f"--batch-size {2 * size}"))
    assert code == 3  # nothing larger would do
    code, err = shell(command)
    assert code == 0, err


def test_where_nothing_fits_it_says_so(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CHUNK", 1 << 16)
    monkeypatch.setattr("rinzler_vulkan.transfer.RING", 1 << 16)
    shell.tables.append(small(1 << 18))
    code, err = shell.train()
    assert code == 3
    assert err.endswith("not even one sequence fits: lower --context, --d-model or --layers\n")


# --- a device that goes away ------------------------------------------------------------------


def failing_from(step: int, name: str, result: int) -> Callable[[pytest.MonkeyPatch], None]:
    """The device answers with an error from within this step on."""

    def arm(patch: pytest.MonkeyPatch) -> None:
        take = AttendedTrainer.step

        def disturbed(self: AttendedTrainer) -> Any:
            if self.steps + 1 == step:
                table = self.model.device.backend.device.vk
                patch.setattr(table, name, lambda *_: result)
            return take(self)

        patch.setattr(AttendedTrainer, "step", disturbed)

    return arm


@pytest.mark.parametrize(
    ("step", "name", "done"),
    [(2, "vkQueueSubmit2", 0), (4, "vkQueueSubmit2", 2), (5, "vkWaitSemaphores", 4)],
)
def test_a_device_lost_in_the_middle(shell: Shell, step: int, name: str, done: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        failing_from(step, name, LOST)(patch)
        code, err = shell.train()
        shell.patch.setattr(manager, "_plugins", None)
    assert code == 3
    message = after(err, "error: ")
    assert message.startswith("the device was lost while ")
    assert "(VK_ERROR_DEVICE_LOST). Nothing on it can be read any more" in message
    if not done:
        assert "no checkpoint was saved" in err
        assert "to go on from there" not in err
        return
    path = FOLDER / f"step-{done:06}.safetensors"
    assert after(err, "the last checkpoint is ") == str(path)
    assert checkpoint.load(path).meta["step"] == done
    assert checkpoint.newest(FOLDER) == (path, [])
    again = after(err, "to go on from there: ")
    assert again == f"rinzler-train --resume {FOLDER} --backend vulkan --device 0"
    elsewhere = after(err, "or on another backend: ")
    assert elsewhere == f"rinzler-train --resume {FOLDER} --backend numpy"
    code, err = shell(again if step % 2 else elsewhere)
    assert code == 0, err
    assert checkpoint.newest(FOLDER)[0].name == "step-000006.safetensors"


def test_a_lost_device_leaves_a_run_that_goes_on_to_the_same_bits(shell: Shell) -> None:
    assert shell.train("--device 0 --run-dir whole")[0] == 0
    with pytest.MonkeyPatch.context() as patch:
        failing_from(4, "vkQueueSubmit2", LOST)(patch)
        code, err = shell.train("--device 0 --run-dir torn")
        shell.patch.setattr(manager, "_plugins", None)
    assert code == 3
    assert shell(after(err, "to go on from there: "))[0] == 0
    whole, torn = (checkpoint.load(checkpoint.newest(Path(n))[0]) for n in ("whole", "torn"))
    assert whole.tensors.keys() == torn.tensors.keys()
    for name, values in whole.tensors.items():
        assert (values == torn.tensors[name]).all(), name


def test_a_device_that_hangs(shell: Shell) -> None:
    shell.patch.setenv("RINZLER_VULKAN_TIMEOUT", "3")
    with pytest.MonkeyPatch.context() as patch:
        failing_from(3, "vkWaitSemaphores", C.TIMEOUT)(patch)
        code, err = shell.train()
        (backend,) = shell.devices()
        assert backend.close() is None
        assert backend.device.handle is None
        assert backend.instance.handle is not None  # what still works on it is left alone
        shell.patch.setattr(manager, "_plugins", None)
    assert code == 3
    message = after(err, "error: ")
    assert re.match(r"the device did not finish within 3 s while running .*\. Nothing on", message)
    assert message.endswith("If it is only slow: RINZLER_VULKAN_TIMEOUT=30")
    assert after(err, "the last checkpoint is ").endswith("step-000002.safetensors")
    assert after(err, "or on another backend: ").endswith("--backend numpy")


def test_a_device_that_fails_once_is_an_error_of_its_own(shell: Shell) -> None:
    """A result without a meaning of its own: quoted, and what was being done."""
    begun: list[Any] = []

    def change(table: Any) -> None:
        stand_in = failing(table, "vkCreateComputePipelines", C.ERROR_INITIALIZATION_FAILED, at=30)
        begun.append(stand_in)
        stand_in.__enter__()

    shell.tables.append(change)
    code, err = shell.train()
    for each in begun:
        each.__exit__(None, None, None)
    assert code == 3
    assert re.search(r"compiling \w+: the driver answered VK_ERROR_INITIALIZATION_FAILED", err)


FORKED = """
import os, sys
import numpy as np
from rinzler.ops import call
from rinzler.plugins import open_device
device = open_device("vulkan:0")
x = device.array(np.ones(3, np.float32))
child = os.fork()
if child == 0:
    try:
        call("add", x, x).numpy()
    except Exception as error:
        print(type(error).__name__, error, flush=True)
        os._exit(7)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print("parent", call("add", x, x).numpy().sum())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_real_fork(shell: Shell) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=120
    )
    child, parent = said.stdout.splitlines()
    assert re.match(r"Forked the Vulkan device was opened by process \d+ and this is a fork", child)
    assert 'multiprocessing.get_context("spawn")' in child
    assert parent == "parent 6.0"

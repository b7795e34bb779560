"""What a user of `rinzler-train` sees when something is wrong: text, exit code, what to type next.

Everything is brought about in the tables of Vulkan functions, so that all that lies above them is
what really runs. The commands that a message says to type are typed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vulkan_testing import failing

from rinzler import checkpoint
from rinzler.cli import main
from rinzler.cli.attended import AttendedTrainer
from rinzler.plugins import manager
from rinzler.tokenizer import cache
from rinzler_vulkan import constants as C
from rinzler_vulkan import memory, vk
from rinzler_vulkan.instance import Instance

LOST = C.ERROR_DEVICE_LOST
SETTINGS = """
--d-model 16 --layers 1 --context 16 --batch-size 8 --vocab-size 0 --steps 6 --save-every 2
--eval-every 0 --gen-every 0 --lr 1e-2
"""
TEXT = "the quick brown fox jumps over the lazy dog\n" * 60
FOLDER = Path("runs", "fox-001")
Table = Callable[[Any], None]  # changes a table of functions


class Shell:
    """`rinzler-train` in a folder with a text, each time as in a process that has just begun."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.capsys = capsys
        self.patch = patch
        self.tables: list[Table] = []  # done to each new device
        real = vk.device_functions

        def made(get: Any, device: Any) -> Any:
            table = real(get, device)
            for change in self.tables:
                change(table)
            return table

        patch.setattr(vk, "device_functions", made)

    def __call__(self, command: str) -> tuple[int, str]:
        """(exit code, stderr) of a command line."""
        self.close()
        self.patch.setattr("sys.argv", shlex.split(command))
        code = main.train_main()
        return code, self.capsys.readouterr().err

    def train(self, more: str = "--device 0") -> tuple[int, str]:
        return self(f"rinzler-train fox.txt --vulkan {more} {' '.join(SETTINGS.split())}")

    def close(self) -> None:
        """Close what the command has opened; the validation layer must have kept silent."""
        for device in self.devices():
            device.device.refusal = None  # nothing was lost in truth
            device.close()
            assert not device.instance.messages
        self.patch.setattr(manager, "_plugins", None)

    def devices(self) -> list[Any]:
        opened = () if manager._plugins is None else manager._plugins._devices.values()
        return [each.backend for each in opened if each.backend.name == "vulkan"]


@pytest.fixture
def shell(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RINZLER_") or name == "UV"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RINZLER_PLUGINS", "numpy,vulkan,corpus")
    monkeypatch.setenv("RINZLER_VULKAN_VALIDATE", "1")
    monkeypatch.setenv("RINZLER_VULKAN_CACHE", "")
    monkeypatch.setattr(AttendedTrainer.sample, "__defaults__", (8, 0.8))
    kept = tmp_path_factory.mktemp("tokenizers")
    monkeypatch.setattr(cache, "path_for", lambda *which: kept / "none")
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    made = Shell(capsys, monkeypatch)
    yield made
    made.close()


def after(text: str, start: str) -> str:
    """What stands on the line that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return line.removeprefix(start)


# --- before a run begins ----------------------------------------------------------------------


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
    shell: Shell, driver: None, wrong: Callable[..., None], more: str, words: str
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


def test_a_software_device_has_to_be_named(
    shell: Shell, driver: None, monkeypatch: pytest.MonkeyPatch
) -> None:
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


# --- memory -----------------------------------------------------------------------------------


def small(nbytes: int) -> Table:
    """A device with so little memory."""

    def change(table: Any) -> None:
        real_allocate, real_free = table.vkAllocateMemory, table.vkFreeMemory
        held: dict[Any, int] = {}

        def allocate(device: Any, info: Any, allocator: Any, out: Any) -> int:
            size = int(info.allocationSize)
            if sum(held.values()) + size > nbytes:
                return C.ERROR_OUT_OF_DEVICE_MEMORY
            result = int(real_allocate(device, info, allocator, out))
            held[out[0]] = size
            return result

        def free(device: Any, handle: Any, allocator: Any) -> None:
            held.pop(handle, None)
            real_free(device, handle, allocator)

        table.vkAllocateMemory, table.vkFreeMemory = allocate, free

    return change


def test_too_little_memory_comes_with_a_batch_that_fits(
    shell: Shell, driver: None, monkeypatch: pytest.MonkeyPatch
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


FLAGS = ("--batch-size", "--accumulate")


def test_where_nothing_fits_it_says_so(
    shell: Shell, driver: None, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_a_device_lost_in_the_middle(
    shell: Shell, driver: None, step: int, name: str, done: int
) -> None:
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


def test_a_lost_device_leaves_a_run_that_goes_on_to_the_same_bits(
    shell: Shell, driver: None
) -> None:
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


def test_a_device_that_hangs(shell: Shell, driver: None) -> None:
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


def test_a_device_that_fails_once_is_an_error_of_its_own(shell: Shell, driver: None) -> None:
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
def test_a_real_fork(shell: Shell, driver: None) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=120
    )
    child, parent = said.stdout.splitlines()
    assert re.match(r"Forked the Vulkan device was opened by process \d+ and this is a fork", child)
    assert 'multiprocessing.get_context("spawn")' in child
    assert parent == "parent 6.0"

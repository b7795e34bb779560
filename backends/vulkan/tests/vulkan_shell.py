"""`rinzler-train` in this process, on a Vulkan device whose functions a test may replace."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rinzler.cli import main
from rinzler.cli.attended import AttendedTrainer
from rinzler.plugins import manager
from rinzler.tokenizer import cache
from rinzler_vulkan import vk

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


def after(text: str, start: str) -> str:
    """What stands on the line that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return line.removeprefix(start)


@contextmanager
def shell_in(
    folder: Path, kept: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """A shell in an empty folder with a text; tokenizers are looked for in `kept`."""
    patch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("RINZLER_") or name == "UV"]:
        patch.delenv(name)
    patch.setenv("RINZLER_PLUGINS", "numpy,vulkan,corpus")
    patch.setenv("RINZLER_VULKAN_VALIDATE", "1")
    patch.setenv("RINZLER_VULKAN_CACHE", "")
    patch.setattr(AttendedTrainer.sample, "__defaults__", (8, 0.8))
    patch.setattr(cache, "path_for", lambda *which: kept / "none")
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    made = Shell(capsys, patch)
    yield made
    made.close()

"""Commands that begin in milliseconds: forks of a process that has loaded everything (`warm.py`).

    with Warm("rinzler_numba.backend") as warm:
        with warm.command(["rinzler-train", …], folder, said) as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
        process.returncode

Loading takes a process longer than a short run does. One command at a time: who wants two side by
side takes two of these. Linux and macOS only. Leaves out: loading itself; tests that mean it start
real processes. Read next: `warm.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
SCRIPT = Path(__file__).with_name("warm.py")


class Warm:
    """A process with numpy, its backend and the commands in it, and with `modules`."""

    def __init__(self, *modules: str) -> None:
        self.folder = TemporaryDirectory()
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self.answer() == "ready"

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.folder.cleanup()

    def answer(self) -> Any:
        """What it says next."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def command(self, words: Sequence[str], folder: Path, said: Path, room: int = 0) -> Command:
        """Start it in a folder; stderr goes to the end of `said`. `room`: of the pipe, in bytes."""
        pipe = Path(self.folder.name, "out")
        with suppress(FileExistsError):
            os.mkfifo(pipe)
        paths = {"cwd": folder.absolute(), "out": pipe, "err": said.absolute()}
        order = {"argv": list(words), **{name: str(path) for name, path in paths.items()}}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return Command(self, self.answer(), pipe, room)


class Command:
    """One of its forks, with as much of `subprocess.Popen` as its users need."""

    def __init__(self, warm: Warm, pid: int, pipe: Path, room: int) -> None:
        self.warm = warm
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = pipe.open(encoding="utf-8")  # waits for the fork
        if room and hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux alone has it
            fcntl.fcntl(self.stdout, fcntl.F_SETPIPE_SZ, room)

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.send_signal(9)
        self.communicate()

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):  # it has ended before
            os.kill(self.pid, number)

    def communicate(self, timeout: float = 180) -> None:
        """Read what it still writes, and how it ended; what takes longer is killed."""
        if self.returncode is None:
            late = threading.Timer(timeout, self.send_signal, [9])
            late.start()
            self.stdout.read()
            self.stdout.close()
            self.returncode = int(self.warm.answer())  # an exit code, or minus a signal
            late.cancel()


@contextmanager
def lent(free: list[T]) -> Iterator[T]:
    """One of them, which nobody else has meanwhile; there have to be enough."""
    one = free.pop()
    yield one
    free.append(one)

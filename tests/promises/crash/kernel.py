"""Victims: forks of this process that a real kernel kills at a chosen byte, or on entry to a call.

A fork starts in 2 ms with everything loaded, where a new interpreter takes 300. strace attaches to
it while it waits for a byte, so that the first call counted is the first one of the deed.
Linux only. Leaves out: what the victims do (`victims.py`, `runs.py`).
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

Deed = Callable[[], object]
KINDS = "%file,%desc"  # whatever a file, a folder or a descriptor can be named in
NOT_FILES = ("mmap", "poll", "ppoll", "select", "pselect6", "execve")


@dataclass(frozen=True)
class Call:
    """One system call of a deed: the `number`-th of its name, counted from 1."""

    name: str
    number: int
    text: str  # as strace writes it, paths beside the descriptors


def forked(deed: Deed) -> int:
    """Do it in a fork; returns its exit code, or minus the signal that ended it."""
    return _end(start(deed))


def calls_of(deed: Deed) -> list[Call]:
    """All system calls on files that it makes."""
    with tempfile.NamedTemporaryFile() as trace:
        assert _traced(deed, ["-y", "-s", "0", "-e", f"trace={KINDS}", "-o", trace.name]) == 0
        lines = Path(trace.name).read_text(encoding="utf-8").splitlines()
    seen: Counter[str] = Counter()
    calls = []
    for line in lines:
        found = re.match(r"(\w+)\(", line)
        if found is None:
            continue
        seen[found[1]] += 1  # all of them: strace counts the first ones too, which open the gate
        if found[1] not in NOT_FILES and "<pipe:" not in line:
            calls.append(Call(found[1], seen[found[1]], line))
    return calls


def killed_at(deed: Deed, call: Call) -> int:
    """SIGKILL on entry to that call, which is then not carried out. Returns as `forked`."""
    kill = f"inject={call.name}:signal=KILL:when={call.number}"
    return _traced(deed, ["-e", f"trace={call.name}", "-e", kill, "-o", os.devnull])


def failing_at(deed: Deed, call: Call, error: str) -> tuple[int, str]:
    """The call is not carried out and fails with that error.

    Returns as `forked`, and the call as strace saw it; "" if there was none.
    """
    fail = f"inject={call.name}:error={error}:when={call.number}"
    with tempfile.NamedTemporaryFile() as trace:
        options = ["-y", "-s", "0", "-e", f"trace={call.name}", "-e", fail, "-o", trace.name]
        ended = _traced(deed, options)
        lines = Path(trace.name).read_text(encoding="utf-8").splitlines()
    return ended, next((line for line in lines if "(INJECTED)" in line), "")


def killed_at_byte(deed: Deed, limit: int) -> int:
    """SIGXFSZ when a file would grow beyond `limit` bytes, all of which are then in it."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it: a write would just fail
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        deed()

    return forked(limited)


def start(deed: Deed) -> int:
    """A fork that does it; returns its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            deed()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def _end(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _traced(deed: Deed, options: list[str]) -> int:
    gate, key = os.pipe()
    answer, ready = os.pipe()

    def wait_first() -> None:
        os.close(key)
        os.write(ready, b"!")  # from here on calls are counted, and as many in each victim
        os.read(gate, 1)
        os.close(gate)
        deed()

    child = start(wait_first)
    os.close(gate)
    os.read(answer, 1)
    os.close(answer)
    os.close(ready)
    command = ["strace", *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        with suppress(BrokenPipeError):
            os.write(key, b"!")
        os.close(key)
        ended = _end(child)
        strace.stderr.read()
    assert "attached" in said, said
    return ended

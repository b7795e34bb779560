"""Both ends of a process that answers in lines of JSON, and may be ended by what it runs.

Read next: `probing.py`; `rinzler/autotune/trial.py` does the same with training steps.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TextIO


def answers_alone() -> TextIO:
    """Standard output for answers only: what a plugin prints goes to stderr from now on."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def ending(code: int) -> str:
    """How a process ended: "SIGSEGV", or "exit code 7"."""
    with suppress(ValueError):
        if code < 0:
            return signal.Signals(-code).name
    return f"exit code {code}"


def end_all(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session of its own, and the children that it left there."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()

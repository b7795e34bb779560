"""Both ends of a process that answers in lines of JSON, and may be ended by what it runs.

Read next: `probing.py`; `rinzler/autotune/trial.py` does the same with training steps.
"""

from __future__ import annotations

import os
import signal
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

"""The first of ours that a command runs: Ctrl-C, before anything else is loaded.

Python's own answer to Ctrl-C is an exception wherever it strikes: while a module is imported, in a
destructor, after the last line. It ends in a traceback, or in nothing. A run under way has its own
answer (`signals.py`); what comes before and after has nothing to save, so it ends at once, with a
word. Commands that only print keep Python's answer while they work: a prompt loop catches it.
Leaves out: SIGTERM, which ends such a process without a word, and the first hundredths of a second,
in which Python starts and nothing of ours is there yet. Read next: `main.py`.
"""

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """`rinzler COMMAND …`, and `python -m rinzler COMMAND …`."""
    return _enter("main", saves=sys.argv[1:2] == ["train"])


def train() -> int:
    """`rinzler-train …`"""
    return _enter("train_main", saves=True)


def generate() -> int:
    """`rinzler-generate …`"""
    return _enter("generate_main", saves=False)


def autotune() -> int:
    """`rinzler-autotune …`"""
    return _enter("autotune_main", saves=False)


def _enter(name: str, saves: bool) -> int:
    """Call a function of `main.py`. `saves`: it answers signals itself where it has to."""
    signal.signal(signal.SIGINT, _leave)
    from rinzler.cli import main as commands
    from rinzler.cli.signals import interrupt

    if not saves:
        signal.signal(signal.SIGINT, interrupt)
    try:
        code: int = getattr(commands, name)()
    finally:
        signal.signal(signal.SIGINT, _leave)  # nobody catches what comes while Python ends
    return code


def _leave(number: int, frame: FrameType | None) -> None:
    """At once: no destructor, no handler of anybody else. 128 + number, as shells have it."""
    try:
        os.write(2, b"stopped\n")
    finally:
        os._exit(128 + number)

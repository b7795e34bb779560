"""The first of ours that a command runs: Ctrl-C, before anything else is loaded.

Python's own answer to Ctrl-C is an exception wherever it strikes: while a module is imported, in a
destructor, after the last line. It ends in a traceback, or in nothing. A run under way has its own
answer (`signals.py`); what comes before and after has nothing to save, so it ends at once, with a
word. Commands that only print keep Python's answer while they work: a prompt loop catches it.
What comes before our first line can be answered by Python alone, with a traceback of its own
imports: it starts, and looks for this file. So nothing is loaded here that is not there already,
and `rinzler/__init__.py` keeps as small.
Leaves out: SIGTERM, which ends such a process without a word. Read next: `main.py`.
"""

# What `signal` is made of. That one loads enum and all that enum needs: 5 ms without an answer.
import _signal  # type: ignore[import-not-found]
import os
import sys


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
    _signal.signal(_signal.SIGINT, _leave)
    from rinzler.cli import main as commands
    from rinzler.cli.signals import interrupt

    try:
        try:
            if not saves:
                _signal.signal(_signal.SIGINT, interrupt)
            code: int = getattr(commands, name)()
        finally:
            _signal.signal(_signal.SIGINT, _leave)  # nobody catches what comes while Python ends
    except KeyboardInterrupt:  # it struck before the command could catch it, or after
        _leave(_signal.SIGINT, None)
    return code


def _leave(number: int, frame: object) -> None:
    """At once: no destructor, no handler of anybody else. 128 + number, as shells have it."""
    try:
        os.write(2, b"stopped\n")
    finally:
        os._exit(128 + number)

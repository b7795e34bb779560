"""A process that has loaded all that `rinzler-train` loads, and forks one for each line it reads.

    python warm.py rinzler_numba.backend      # what else to load

A line is {"argv", "cwd", "out", "err"}; answers are "ready", then for each line the fork's number
at once, and at its end its exit code. So a command begins in milliseconds, and ends as any process
does, interpreter and all. What is loaded has started no threads, which a fork would be without.
Started by `warmed.py`. Leaves out: the loading itself, for which tests start real processes.
"""

import json
import os
import sys
from importlib import import_module

import cyclopts  # noqa: F401 - what commands import when they need it
import numpy  # noqa: F401

import rinzler.cli.commands
import rinzler.cli.parsing
import rinzler.cli.train  # noqa: F401
from rinzler.cli import entry
from rinzler.plugins import open_device


def run(order: dict) -> None:
    """In the child: become the command. Returns its exit code through sys.exit."""
    os.chdir(order["cwd"])
    for number, name, how in ((1, "out", os.O_TRUNC), (2, "err", os.O_APPEND)):
        descriptor = os.open(order[name], os.O_WRONLY | os.O_CREAT | how)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin.close()
    sys.argv = order["argv"]
    sys.exit(entry.train() if order["argv"][0] == "rinzler-train" else entry.generate())


def tell(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    open_device("numpy")
    for name in sys.argv[1:]:
        import_module(name)
    tell("ready")
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            run(order)
        tell(pid)
        _, status = os.waitpid(pid, 0)
        tell(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()

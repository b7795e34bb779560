"""A process that has loaded all that `rinzler-train` loads, and forks one for each line it reads.

A line is {"argv", "cwd", "out", "err"}; answers are {"pid"} at once and {"pid", "status"} at its
end. So a command begins in milliseconds, and ends as any process does, interpreter and all.
Started by `test_signals.py`. Leaves out: the loading itself, for which that test starts real ones.
"""

import json
import os
import sys

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
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin.close()
    sys.argv = order["argv"]
    sys.exit(entry.train() if order["argv"][0] == "rinzler-train" else entry.generate())


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    open_device("numpy")
    tell("ready")
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            run(order)
        tell(json.dumps({"pid": pid}))
        _, status = os.waitpid(pid, 0)
        answer = {"pid": pid, "status": os.waitstatus_to_exitcode(status)}
        tell(json.dumps(answer))


if __name__ == "__main__":
    main()

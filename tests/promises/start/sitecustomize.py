"""What Python runs before a command, in tests: it watches imports, and may send Ctrl-C at one.

RINZLER_TEST_MARK is a descriptor. It gets "h" once the command's own handler of Ctrl-C is in place,
and then "i" for each import. At the one of number RINZLER_TEST_AT the process signals itself; at 0
it does not. Processes that the command starts are left alone.
"""

import os
import signal
import sys
from itertools import count

# The first import of `rinzler.cli.entry` after it has set its handler.
HANDLED = "rinzler.cli.main"
mark = int(os.environ.pop("RINZLER_TEST_MARK", "0"))
at = int(os.environ.pop("RINZLER_TEST_AT", "0"))
numbers = count(1)
begun = False


def watch(event, arguments):
    if event != "import" or not (begun or arguments[0] == HANDLED):
        return
    os.write(mark, b"i" if begun else b"h")
    globals()["begun"] = True
    if next(numbers) == at:
        os.kill(os.getpid(), signal.SIGINT)


if mark:
    sys.addaudithook(watch)

"""`python -m rinzler`: the command, where no script is on the path. Read next: `cli/entry.py`."""

import sys

from rinzler.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())

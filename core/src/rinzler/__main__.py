"""`python -m rinzler`: the command, where no script is on the path. Read next: `cli/main.py`."""

import sys

from rinzler.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

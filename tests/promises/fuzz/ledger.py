"""What a run of hours has behind it, so that it can be stopped and go on another day.

One line of JSON for each piece of work that is done, in a file that git ignores. A piece counts for
the sources that it was done with: when a loader or a target changes, all of it is to be done again.
Read next: `test_fuzz.py`, which asks here before it starts a piece.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import rinzler

FOLDER = Path(__file__).parents[3] / ".promises"
LOADERS = ("checkpoint/*.py", "tokenizer/*.py", "restore.py", "config.py")


def sources() -> str:
    """One digest of the loaders and of what is fuzzed about them."""
    package = Path(rinzler.__file__).parent
    paths = [path for pattern in LOADERS for path in package.glob(pattern)]
    paths += [path for path in Path(__file__).parent.glob("*.py") if path != Path(__file__)]
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class Ledger:
    """Pieces of work and the inputs that each tried; any number of threads may add to it."""

    def __init__(self, name: str) -> None:
        self.sources = sources()
        self.path = FOLDER / f"{name}.jsonl"
        self.lock = Lock()
        self.tried: dict[str, int] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row["sources"] == self.sources:
                    self.tried[row["piece"]] = row["tried"]

    def has(self, piece: Sequence[object]) -> int:
        """How many inputs were tried in that piece; 0 if it is still to be done."""
        return self.tried.get(str(tuple(piece)), 0)

    def add(self, piece: Sequence[object], tried: int) -> None:
        """That piece went well."""
        row = {"piece": str(tuple(piece)), "tried": tried, "sources": self.sources}
        with self.lock:
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

"""Settings from the environment: RINZLER_TRAIN_BATCH_SIZE=16 for --batch-size 16.

RINZLER_BACKEND, which the library obeys as well, counts here: stronger than a file, weaker than
RINZLER_TRAIN_BACKEND. A variable that is set to nothing says nothing.
Read next: `presets.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rinzler.cli.known import Entry, Known
from rinzler.cli.values import from_text

PREFIX = "RINZLER_TRAIN_"
SHARED = "RINZLER_BACKEND"
AUTO = "auto"


def variable(name: str) -> str:
    """RINZLER_TRAIN_D_MODEL of d-model."""
    return PREFIX + name.upper().replace("-", "_")


def read_environment(environ: Mapping[str, str], known: Known, mistakes: list[str]) -> list[Entry]:
    """What the environment sets, the stronger first; `mistakes` gets what it gets wrong."""
    found = []
    names = {variable(name): name for name in known.settings}
    for typed, text in sorted(environ.items()):
        if not typed.startswith(PREFIX) or not text:
            continue
        if typed not in names:
            hint = known.hint(typed.removeprefix(PREFIX).lower(), "", variable, "=no")
            mistakes.append(f"there is no setting for the variable {typed}. {hint}")
            continue
        try:
            value = from_text(known.settings[names[typed]], text)
        except ValueError as error:
            mistakes.append(f"{typed}={text}, expected {error}")
            continue
        found.append(Entry(names[typed], value, f"environment {typed}"))
    backend = environ.get(SHARED, "")
    if backend not in ("", AUTO):
        # Whoever is asked for "auto" looks at the variable, and says so.
        found.append(Entry("backend", AUTO, f"environment {SHARED}", shown=backend))
    return found

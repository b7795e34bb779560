"""Start one of the scripts of this folder in a process of its own, and read the JSON it prints.

They fork, and a fork copies one thread: so they are not part of the test's process, and the
libraries that would start threads of their own are told not to.
Read next: `kernel.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ALONE = {"OPENBLAS_NUM_THREADS": "1", "RINZLER_PLUGINS": "numpy,corpus"}


def result(name: str, *words: object, within: Sequence[str] = ()) -> Any:
    """What `name`.py prints; `within` is a command that starts it."""
    script = str(Path(__file__).with_name(f"{name}.py"))
    command = [*within, sys.executable, script, *map(str, words)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RINZLER_")}
    run = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=kept | ALONE, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)

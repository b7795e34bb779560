"""Two thousand steps hold no more at their end than at their beginning.

A run with its saves, validations and samples, captured, on numpy and numba, in the long form on
Vulkan too, where a driver grows by whole megabytes and then rests. What is looked at, and how,
stands in `leaks/looks.py`, each run of which is a process of its own.
Leaves out: what a run takes at its start (`core/tests/test_footprint.py`).
Read next: `leaks/looks.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from leaking import ONCE, PLANTS

LOOKS = Path(__file__).parent / "leaks" / "looks.py"
STEPS = 2_000
needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


def leaks(backend: str, steps: int, *flags: str) -> list[str]:
    """What has grown in a run of so many steps."""
    words = [sys.executable, str(LOOKS), backend, str(steps), *flags]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.promise(
    "two thousand steps: descriptors and threads flat, memory below 1 KB a step", at_least=4_000
)
@needs_proc
def test_a_run_holds_no_more_at_its_end(
    count: Callable[..., None], long: bool, why_not: Callable[[str], str]
) -> None:
    names = ["numpy", "numba", "vulkan"] if long else ["numpy", "numba"]
    backends = [name for name in names if not why_not(name)]
    with ThreadPoolExecutor(2) as pool:
        for backend, found in zip(
            backends, pool.map(lambda name: leaks(name, STEPS), backends), strict=True
        ):
            assert not found, backend
            count(STEPS)


@pytest.mark.promise("each kind of leak is found where it is planted", at_least=len(PLANTS))
@needs_proc
def test_a_planted_leak_is_found(count: Callable[..., None]) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda name: leaks("numpy", ONCE + 20, "--plant", name), PLANTS)
        for name, lines in zip(PLANTS, found, strict=True):
            assert any(line.startswith(name) for line in lines), (name, lines)
            count()

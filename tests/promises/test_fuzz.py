"""No input gets past a loader: it is refused with the loader's own error, or read as it stands.

The work is done by processes of their own, `fuzz/worker.py`, two at a time: a fuzzer that is guided
by coverage instruments the code that it calls, and ends its process.
The long form takes hours; stopped, it goes on where it was (`fuzz/ledger.py`).
Read next: `fuzz/targets.py`, what counts as an answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger

WORKER = Path(__file__).parent / "fuzz" / "worker.py"
ROUNDS = {  # inputs of one CI run, dearer ones less often
    "safetensors": 150_000,
    "safetensors-structure": 150_000,
    "json": 25_000,
    "json-structure": 25_000,
    "raw": 100_000,
    "raw-structure": 150_000,
    "tokenizer": 250_000,
    "cache": 100_000,
    "described": 50_000,
}
SLICE = 150_000  # inputs of one process at most; each begins with a seed of its own
LONG_SLICE = 250_000  # goes deeper, and a fifth of the time went into starting
LONG = 100  # times the rounds
ROOM = 64 << 20  # bytes: what the loaders may need besides twice the file


def worker(target: str, runs: int, seed: int, *flags: str) -> tuple[int, dict[str, Any], str]:
    words = [sys.executable, str(WORKER), target, str(runs), str(seed), *flags]
    # Linux counts the most memory of whoever starts a process as its own: so a small one does that.
    again = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", again, *words], capture_output=True, check=False)
    lines = done.stdout.decode().splitlines()
    said = json.loads(lines[-1]) if lines else {}
    return done.returncode, said, done.stderr.decode(errors="replace")[-2000:]


@pytest.mark.promise(
    "whatever bytes a checkpoint or tokenizer file has, they are refused or read as they are",
    at_least=1_000_000,
    long=100_000_000,
)
def test_no_input_gets_past_a_loader(count: Callable[[int], None], long: bool) -> None:
    rounds = {target: inputs * (LONG if long else 1) for target, inputs in ROUNDS.items()}
    most = LONG_SLICE if long else SLICE
    slices = [
        (target, inputs // pieces, seed)
        for target, inputs in rounds.items()
        for pieces in [-(-inputs // most)]
        for seed in range(1, pieces + 1)
    ]
    slices.sort(key=lambda piece: piece[2])  # a little of each first: a bug shows sooner
    ledger = Ledger("fuzz") if long else None
    with ThreadPoolExecutor(2) as pool:
        for tried in pool.map(lambda piece: behaved(piece, ledger), slices):
            count(tried)


def behaved(piece: tuple[str, int, int], ledger: Ledger | None) -> int:
    """How many inputs a process tried, all of which had one of the two answers."""
    if ledger and ledger.has(piece):
        return ledger.has(piece)
    code, said, errors = worker(*piece)
    assert (code, said.get("violation")) == (0, None), (piece, said, errors)
    assert said["accepted"] > 0, piece  # it begins with files that are good
    assert said["grown"] < ROOM, piece
    if ledger:
        ledger.add(piece, said["tried"])
    return said["tried"]


BUGS = [
    ("overlapping", "safetensors-structure"),
    ("overlapping", "raw-structure"),
    ("lenient", "safetensors-structure"),
    ("undigested", "safetensors"),
    ("undigested", "json"),
    ("undigested", "raw"),
    ("sizes", "safetensors-structure"),
    ("deep", "safetensors"),
    ("endless", "safetensors"),
    ("rounded", "json-structure"),
    ("merges", "tokenizer"),
    ("merges", "cache"),
    ("careless", "described"),
]


def test_bugs_in_a_loader_are_found() -> None:
    """With the engine that there is here, and some of them with the one that is everywhere."""
    tries = [(bug, target, ()) for bug, target in BUGS]
    tries += [(bug, target, ("--engine", "plain")) for bug, target in BUGS[::4]]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(
            lambda each: worker(each[1], 100_000, 7, "--plant", each[0], *each[2]), tries
        )
        for what, (code, said, errors) in zip(tries, found, strict=True):
            assert code == 1, (what, said, errors)
            assert said["violation"], what

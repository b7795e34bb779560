"""A small run that tests of signals start, stop, and go on with. Read next: `test_signals.py`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rinzler import checkpoint

TEXT = "the quick brown fox jumps over the lazy dog, naïvely.\n" * 30
SETTINGS = {
    **{"d-model": 8, "layers": 1, "context": 8, "batch-size": 2, "vocab-size": 0},
    **{"backend": "numpy", "gen-every": 0},
}
RUN = Path("runs", "fox-001")
RESUME = ("--resume", str(RUN), "--backend", "numpy", "--plain")


def flags(steps: int, save_every: int, eval_every: int = 2) -> list[str]:
    settings = SETTINGS | {"steps": steps, "save-every": save_every, "eval-every": eval_every}
    return ["--plain", *(f"--{name}={value}" for name, value in settings.items())]


def digest(path: Path, but: str = "") -> str:
    """SHA-256 of all that a checkpoint says, but for one entry."""
    saved = checkpoint.load(path)
    told = sorted((name, value) for name, value in saved.meta.items() if name != but)
    state = hashlib.sha256(repr(told).encode())
    for name, array in sorted(saved.tensors.items()):
        state.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return state.hexdigest()

"""Presets: one word for a dozen flags, for whoever has no wish yet.

A preset only sets flags, none of which is secret: the plan of a run and `--show-config` say which,
and everything that is said otherwise is stronger. The times are for two CPU cores and the numpy
backend.
Leaves out: sizes for this very machine, which autotuning will find. Read next: `settings.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from rinzler.cli.flags import Setting

PRESETS: dict[str, dict[str, Any]] = {
    # About 3 minutes, enough for words and the manner of the text.
    "first-run": {
        "d-model": 128,
        "context": 64,
        "batch-size": 12,
        "steps": 1400,
        "lr": 3e-3,
        "warmup-steps": 200,
        "cosine": True,
        "gen-every": 300,
    },
    # About 30 minutes.
    "laptop": {
        "vocab-size": 1000,
        "d-model": 192,
        "context": 128,
        "dropout": 0.1,
        "batch-size": 16,
        "steps": 4000,
        "lr": 2e-3,
        "warmup-steps": 300,
        "cosine": True,
        "gen-every": 500,
    },
    # About 8 hours, for some megabytes of text.
    "overnight": {
        "vocab-size": 2000,
        "d-model": 256,
        "layers": 6,
        "context": 256,
        "dropout": 0.1,
        "batch-size": 16,
        "steps": 13000,
        "lr": 1e-3,
        "warmup-steps": 500,
        "cosine": True,
        "gen-every": 1000,
    },
}


def preset(name: str) -> dict[str, Any]:
    """What a preset sets, by the names of flags. Raises ValueError if there is none."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f". Did you mean {near[0]}?" if near else ""
        raise ValueError(f'--preset is "{name}", expected one of {", ".join(PRESETS)}{hint}')
    return PRESETS[name]


def in_force(name: str, settings: Iterable[Setting]) -> str:
    """What a preset has set, as flags: "laptop: --d-model 192 --cosine"."""
    words = [
        f"--{each.name}" if each.value is True else f"--{each.name} {each.value}"
        for each in settings
        if each.origin == f"preset {name}"
    ]
    return f"{name}: {' '.join(words) or 'every one of its flags is set otherwise'}"

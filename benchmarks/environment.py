"""What the measured processes find in their environment, and what the report says of it.

`OPENBLAS_CORETYPE` and `OPENBLAS_L2_SIZE`, which some machines export, halve OpenBLAS and leave
torch's MKL alone, so a ratio taken with them tells about the environment and not about the code.
They are removed for the measured processes, and it is said. `--pin Haswell` sets the first of them
for all sides: what a processor without AVX-512 would see.

Read next: `turns.py`.
"""

from __future__ import annotations

import argparse
import os
import sys

PIN = "OPENBLAS_CORETYPE"
PINS = (PIN, "OPENBLAS_L2_SIZE")
# Variables that change what is measured; those of them that are set belong on the record.
PREFIXES = ("RINZLER_", "OMP_", "OPENBLAS_", "MKL_", "NUMBA_", "MALLOC_", "TORCH")


def measured(pin: str | None = None, **more: str) -> dict[str, str]:
    """The environment of a measured process: this one's without pins, or with the one asked for."""
    free = {name: value for name, value in os.environ.items() if name not in PINS}
    return {**free, **({PIN: pin} if pin else {}), **more}


def on_record(pin: str | None = None) -> dict[str, str]:
    """What of that environment may change a time."""
    return {
        name: value for name, value in sorted(measured(pin).items()) if name.startswith(PREFIXES)
    }


def announce(pin: str | None = None) -> dict[str, str]:
    """Say on stderr what is removed or set; returns what was removed."""
    removed = {name: os.environ[name] for name in PINS if name in os.environ}
    for name, value in removed.items():
        print(f"{name}={value} is set here; the measured processes run without it", file=sys.stderr)
    if pin:
        print(f"the measured processes run with {PIN}={pin}", file=sys.stderr)
    return removed


def add_torch_python(parser: argparse.ArgumentParser) -> None:
    """Where PyTorch lives, which may be another environment."""
    parser.add_argument(
        "--torch-python",
        default=os.environ.get("RINZLER_BENCH_TORCH_PYTHON", sys.executable),
        metavar="PATH",
        help="the interpreter that has torch (RINZLER_BENCH_TORCH_PYTHON; default: this one)",
    )

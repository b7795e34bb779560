"""What `rinzler doctor` tells of this backend: its threads, and the BLAS behind its products.

And what a run keeps of that, because its bits depend on it (`numerics`).

Read next: `workers.py`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from rinzler.ops import Fact
from rinzler_numpy import __version__
from rinzler_numpy.workers import VARIABLES, workers

PIN = "OPENBLAS_CORETYPE"  # the environment variable that fixes OpenBLAS's choice of kernels
# Sets of OpenBLAS kernels with 512-bit vectors, which are about twice as fast as the next ones.
WIDE = ("SkylakeX", "Cooperlake", "SapphireRapids", "Zen5")


def facts() -> list[Fact]:
    """Threads, BLAS, and the variables that are set."""
    said = [name for name in VARIABLES if os.environ.get(name)]
    threads = f"{workers.count}" + "".join(f", {name}={os.environ[name]}" for name in said)
    return [Fact("threads", threads), *map(_products, _libraries())]


def numerics() -> dict[str, str]:
    """Versions, the kernels of BLAS, and the CPU's features that numpy picks its loops by."""
    config: Any = np.show_config(mode="dicts")
    simd = config.get("SIMD Extensions", {})
    return {
        "rinzler-numpy": __version__,
        "numpy": np.__version__,
        "products": ", ".join(map(_kernels, _libraries())),
        "vectors": " ".join([*simd.get("baseline", ()), *simd.get("found", ())]),
    }


def _libraries() -> list[dict[str, Any]]:
    """numpy's own BLAS, where its wheel brought one; else all that are loaded."""
    found = [each for each in threadpool_info() if each["user_api"] == "blas"]
    own = [each for each in found if "numpy" in Path(each["filepath"]).parent.name]
    return own or found


def _kernels(library: dict[str, Any]) -> str:
    """For people: "openblas 0.3.31, SkylakeX kernels"."""
    kernels = library.get("architecture", "unknown")
    return f"{library['internal_api']} {library['version']}, {kernels} kernels"


def _products(library: dict[str, Any]) -> Fact:
    name, kernels = library["internal_api"], library.get("architecture", "unknown")
    value = _kernels(library)
    pin = os.environ.get(PIN)
    if name != "openblas" or not pin:
        return Fact("products", value)
    value += f" ({PIN}={pin})"
    if kernels in WIDE:
        return Fact("products", value)
    return Fact(
        "products",
        value,
        f"{PIN} pins kernels without AVX-512: on a CPU that has it, matrix products take about "
        f"twice as long. Unset {PIN}, unless you need the same sums as on another machine",
    )

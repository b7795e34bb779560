"""What `rinzler doctor` tells of this backend: what it found here, and what holds it back.

And what a run keeps of that, because its bits depend on it (`numerics`).

A variable of the environment can make it half as fast without a word; here each one that is set is
named, with what it does. Read next: `threads.py` and `cache.py`, which the facts are about.
"""

from __future__ import annotations

import hashlib
import os

import llvmlite.binding
import numba

from rinzler.ops import Fact
from rinzler_numba import __version__, cache, cpu
from rinzler_numba.compiling import KERNELS
from rinzler_numba.microkernel import COLUMNS, ROWS
from rinzler_numba.threads import LAYER, LIMIT, VARIABLES, pool

# Variables that change what numba makes, and so how fast it is.
COMPILER = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_OPT", "NUMBA_LOOP_VECTORIZE")
LIMITS = {
    LIMIT: "the most threads that --threads can ask for",
    LAYER: "which library starts the threads",
    "NUMBA_CACHE_DIR": "where compiled kernels are kept",
    **dict.fromkeys(VARIABLES, "how many threads there are without --threads"),
}


def facts() -> list[Fact]:
    """Threads, matrix products, compiler, cache, and the variables that are set."""
    return [_threads(), _products(), _compiler(), _kept(), *_limits()]


def numerics() -> dict[str, str]:
    """Versions, and the CPU that kernels are made for: its name, and all of its features."""
    features = numba.config.CPU_FEATURES
    if features is None:
        features = llvmlite.binding.get_host_cpu_features().flatten()
    return {
        "rinzler-numba": __version__,
        "compiler": _compiler().value,
        "features": hashlib.sha256(features.encode("utf-8")).hexdigest()[:12],
    }


def _threads() -> Fact:
    value = f"{pool.count} of {pool.most}, started by {pool.layer}"
    if pool.layer != "workqueue":
        return Fact("threads", value)
    return Fact(
        "threads",
        value,
        "workqueue takes about 100 µs to start an op, tbb 2 µs: pip install tbb"
        if os.environ.get(LAYER, "").lower() != "workqueue"
        else f"workqueue takes about 100 µs to start an op, tbb 2 µs: unset {LAYER}",
    )


def _products() -> Fact:
    """No BLAS library is loaded, so none of its variables matters."""
    return Fact("products", f"own kernels, {ROWS} x {COLUMNS} numbers at a time; no BLAS library")


def _compiler() -> Fact:
    llvm = ".".join(map(str, llvmlite.binding.llvm_version_info))
    value = f"numba {numba.__version__}, LLVM {llvm}, for {cpu.target()}"
    changed = [f"{name}={os.environ[name]}" for name in COMPILER if os.environ.get(name)]
    if not changed:
        return Fact("compiler", value)
    names = " and ".join(each.partition("=")[0] for each in changed)
    return Fact(
        "compiler",
        f"{value} ({', '.join(changed)})",
        f"{names} changes the code that is made, which may cost half of its speed; unset it",
    )


def _kept() -> Fact:
    there = cache.names()
    value = f"{sum(name in there for name in KERNELS)} of {len(KERNELS)} kernels"
    megabytes = cache.size() / 1e6
    return Fact("cache", f"{value} compiled, in {cache.folder()} ({megabytes:.1f} MB in all)")


def _limits() -> list[Fact]:
    set_ones = [name for name in LIMITS if os.environ.get(name)]
    return [Fact(name, f"{os.environ[name]} ({LIMITS[name]})") for name in set_ones]

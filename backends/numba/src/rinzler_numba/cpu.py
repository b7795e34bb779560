"""Which CPU the kernels are made for: the one at hand, unless a variable of numba's says otherwise.

Read next: `lanes.py`, whose vectors are as wide as its registers.
"""

from __future__ import annotations

import llvmlite.binding
import numba


def has(feature: str) -> bool:
    """Whether kernels may use a feature, by LLVM's name for it: "avx512f"."""
    told = numba.config.CPU_FEATURES
    if told is not None:
        return f"+{feature}" in told
    if numba.config.CPU_NAME not in (None, "", "host"):
        return False
    return bool(llvmlite.binding.get_host_cpu_features().get(feature, False))


def name() -> str:
    """The CPU as LLVM calls it: "znver4"."""
    return str(numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name())


def target() -> str:
    """For people: "znver4 (AVX-512)"."""
    for feature, vectors in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("neon", "NEON")):
        if has(feature):
            return f"{name()} ({vectors})"
    return name()

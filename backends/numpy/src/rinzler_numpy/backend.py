"""The numpy backend: storage that is an array of bytes, kernels that are numpy functions.

A handle is an `np.ndarray` over its buffer, so a kernel reads like the formula in the op table.
This is the backend to read first and the one that others are judged by: float64 here is the oracle
of their tests. It is fast where that costs no clarity, and the README says where and how much.

The kernels stand in files named as the op table's: `elementwise.py` to `update.py`. Ops that are
missing here (the README lists them) run as core's default. Read next: `scratch.py`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from rinzler.ops import Backend, Caps, Fact
from rinzler_numpy import (
    activation,
    attention,
    elementwise,
    gather,
    loss,
    matmul,
    movement,
    normalization,
    reduce,
    update,
)
from rinzler_numpy.facts import facts, numerics
from rinzler_numpy.workers import hold_blas_to_one_thread, workers

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
DTYPES = {name: np.dtype(name) for name in ("float32", "float64", "int32")}
FAMILIES = (
    elementwise,
    movement,
    reduce,
    matmul,
    gather,
    activation,
    normalization,
    attention,
    loss,
    update,
)


def quiet(kernel: Callable[..., None]) -> Callable[..., None]:
    """The kernel without numpy's warnings: overflow gives inf and 0/0 gives NaN, as IEEE 754 says.

    Rinzler looks for such numbers where they matter, in the loss and in the gradient's norm.
    """

    @wraps(kernel)
    def run(*operands: Any, **attrs: Any) -> None:
        with np.errstate(all="ignore"):
            kernel(*operands, **attrs)

    return run


def device_text() -> str:
    """For people: "x86_64, 2 threads, numpy 2.4.6 with scipy-openblas 0.3.31"."""
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    library = f"{blas.get('name', 'an unknown BLAS')} {blas.get('version', '')}".strip()
    threads = f"{workers.count} threads" if workers.count > 1 else "1 thread"
    return f"{platform.machine()}, {threads}, numpy {np.__version__} with {library}"


class NumpyBackend(Backend):
    """Runs everywhere, at once: every call is done when it returns."""

    name = "numpy"

    def __init__(self) -> None:
        hold_blas_to_one_thread()
        self.caps = Caps(dtypes=tuple(DTYPES), alignment=ALIGNMENT, device_text=device_text())
        self.kernels = {
            op: quiet(kernel) for family in FAMILIES for op, kernel in family.KERNELS.items()
        }

    def alloc(self, nbytes: int) -> np.ndarray:
        """Bytes from a 64-byte boundary on. Raises MemoryError when there are not that many."""
        try:
            block = np.empty(nbytes + ALIGNMENT, np.uint8)
        except ValueError as error:  # numpy's word for more bytes than an address can count
            raise MemoryError(f"{nbytes} bytes are more than this machine can address") from error
        start = -block.ctypes.data % ALIGNMENT
        return block[start : start + nbytes]

    def view(
        self, buffer: np.ndarray, offset: int, shape: tuple[int, ...], dtype: str
    ) -> np.ndarray:
        return np.ndarray(shape, DTYPES[dtype], buffer, offset)

    def upload(self, handle: np.ndarray, host: np.ndarray) -> None:
        np.copyto(handle, host)

    def download(self, handle: np.ndarray, host: np.ndarray) -> None:
        np.copyto(host, handle)

    def set_threads(self, count: int) -> None:
        workers.resize(count)
        self.caps = replace(self.caps, device_text=device_text())

    def facts(self) -> list[Fact]:
        return facts()

    def numerics(self) -> dict[str, str]:
        return numerics()

    def synchronize(self) -> None:
        """Nothing is ever under way."""

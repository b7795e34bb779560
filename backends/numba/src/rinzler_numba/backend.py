"""The numba backend: storage that is bytes at an address, kernels that are compiled C functions.

Opening it starts the threads (`threads.py`) but compiles nothing; a kernel is compiled when it is
first called. A recorded training step becomes one table of launches (`launcher.Program`), which
runs with no Python in between.

The kernels stand in files named as the op table's: `elementwise.py` to `random.py`; the formulas
stand beside the rows of that table. Ops that are missing here run as core's default.
Read next: `memory.py`, then `native.py`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numba
import numpy as np

from rinzler.errors import BackendError
from rinzler.ops import Backend, Caps, Fact
from rinzler.ops.tape import Tape
from rinzler_numba import (
    activation,
    attention,
    cpu,
    decode,
    elementwise,
    gather,
    linear,
    loss,
    matmul,
    movement,
    normalization,
    random,
    reduce,
    softmax,
    update,
)
from rinzler_numba.compiling import KERNELS, Launch
from rinzler_numba.facts import facts, numerics
from rinzler_numba.launcher import Program
from rinzler_numba.memory import ALIGNMENT, DTYPES, Buffer, Memory
from rinzler_numba.threads import pool

FAMILIES = (
    elementwise,
    movement,
    reduce,
    matmul,
    linear,
    gather,
    activation,
    normalization,
    softmax,
    attention,
    decode,
    loss,
    update,
    random,
)


def device_text() -> str:
    """For people: "x86_64, 2 threads, numba 0.68.1 for znver4 (AVX-512)"."""
    threads = f"{pool.count} threads" if pool.count > 1 else "1 thread"
    return f"{platform.machine()}, {threads}, numba {numba.__version__} for {cpu.target()}"


class NumbaBackend(Backend):
    """All cores of this machine; every call is done when it returns."""

    name = "numba"

    def __init__(self) -> None:
        if numba.config.DISABLE_JIT:
            raise BackendError(
                "NUMBA_DISABLE_JIT is set, and every kernel of this backend is compiled: unset it, "
                "or use --backend numpy"
            )
        pool.start()
        self.caps = Caps(dtypes=tuple(DTYPES), alignment=ALIGNMENT, device_text=device_text())
        self.kernels: dict[str, Callable[..., None]] = {}
        for family in FAMILIES:
            self.kernels.update(family.KERNELS)

    def alloc(self, nbytes: int) -> Buffer:
        """Bytes from a 64-byte boundary on. Raises MemoryError when there are not that many."""
        return Buffer(nbytes)

    def view(self, buffer: Buffer, offset: int, shape: tuple[int, ...], dtype: str) -> Memory:
        return Memory(buffer, offset, shape, dtype)

    def upload(self, handle: Memory, host: np.ndarray) -> None:
        np.copyto(handle.array(), host)

    def download(self, handle: Memory, host: np.ndarray) -> None:
        np.copyto(host, handle.array())

    def synchronize(self) -> None:
        """Nothing is ever under way."""

    def compile(self, tape: Tape) -> Callable[[], None]:
        """The launches of all calls as one table, cut where Python has to step in."""
        parts: list[Callable[[], None]] = []
        launches: list[Launch] = []
        for call in tape:
            plan = getattr(call.kernel, "plan", None)
            if plan is not None:
                launches += plan(*call.outs, *call.ins, **call.attrs)
                continue
            parts += [
                Program(launches).run,
                partial(call.kernel, *call.outs, *call.ins, **call.attrs),
            ]
            launches = []
        parts.append(Program(launches).run)

        def run() -> None:
            for part in parts:
                part()

        return run

    def facts(self) -> list[Fact]:
        return facts()

    def numerics(self) -> dict[str, str]:
        return numerics()

    def warmup(self) -> dict[str, Callable[[], object]]:
        """Every kernel there is, compiled if the cache does not hold it."""
        return {name: kernel.compile for name, kernel in KERNELS.items()}

    def set_threads(self, count: int) -> None:
        pool.resize(count)
        self.caps = replace(self.caps, device_text=device_text())

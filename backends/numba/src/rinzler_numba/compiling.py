"""Kernels, compiled when they are first called.

`@kernel` marks a function of the signature in `native.py`. Calling the result with operands makes a
`Launch`: the function's address, the arguments as one array of int64, the number of blocks. The
first `Launch` of a kernel compiles it, or loads it from the cache on disk; a program pays only for
the kernels that it uses. Read next: `launcher.py`.
"""

from __future__ import annotations

import logging
import struct
from array import array
from collections.abc import Callable
from threading import RLock
from typing import Any

import numba

from rinzler_numba import cache
from rinzler_numba.memory import Memory
from rinzler_numba.native import SIGNATURE
from rinzler_numba.threads import hold_across_forks

log = logging.getLogger("rinzler.numba")
# Sums may be reordered and a·b + c fused, which vector code needs; but NaN and inf keep their
# meaning ("nnan" and "ninf" are left out), because a diverging run is recognised by them.
FAST = {"reassoc", "contract", "nsz", "arcp"}
OPTIONS: dict[str, Any] = {
    "nopython": True,
    "error_model": "numpy",  # the other checks every division for zero, which stops vector code
    "fastmath": FAST,
}
_lock = RLock()
hold_across_forks(_lock)
_said = False  # that kernels are being compiled


class Launch:
    """One call of a kernel, ready to run: plain numbers that compiled code reads."""

    __slots__ = ("address", "args", "blocks", "kept")

    def __init__(self, address: int, args: array, blocks: int, kept: Any) -> None:
        self.address = address
        self.args = args
        self.blocks = blocks
        self.kept = kept  # scratch whose address is among the args


class Kernel:
    """A kernel's formula, and its machine code once it is needed."""

    def __init__(
        self, formula: Callable[..., None], signature: Any = SIGNATURE, **options: Any
    ) -> None:
        self.formula = formula
        module = formula.__module__.rpartition(".")[2]
        self.name = f"{module}.{formula.__name__.strip('_')}"  # "loss.cross_entropy"
        self.signature = signature
        self.options = OPTIONS | options
        self._compiled: Any = None  # keeps the machine code alive
        self._address = 0
        KERNELS[self.name] = self

    def __call__(self, *operands: Any, blocks: int = 1, kept: Any = None) -> Launch:
        """Operands in the order in which the formula reads its args; see `word`."""
        args = array("q", [word(x) for x in operands])
        return Launch(self._address or self.compile(), args, blocks, kept)

    def compile(self) -> int:
        """The address of the machine code: from the cache, or compiled now."""
        with _lock:
            if not self._address:
                self._compiled = cache.load(self.name, self._make)
                if self._compiled is None:
                    _say_once()
                    self._compiled = cache.store(self.name, self._make)
                self._address = self._compiled.address
        return self._address

    def _make(self, cached: bool) -> Any:
        return numba.cfunc(self.signature, cache=cached, **self.options)(self.formula)


KERNELS: dict[str, Kernel] = {}  # all there are: what `rinzler warmup` goes through


def kernel(formula: Callable[..., None]) -> Kernel:
    """Mark a formula of the signature (args, block, blocks) as a kernel."""
    return Kernel(formula)


def word(x: Any) -> int:
    """An operand as an int64: an address, a size, a flag, the bits of a float64; None is 0."""
    kind = type(x)
    if kind is Memory:
        return x.address
    if kind is int:
        return x
    if kind is float:
        return struct.unpack("q", struct.pack("d", x))[0]
    if kind is bool:
        return int(x)
    if x is None:
        return 0
    raise TypeError(f"a kernel's operand is {kind.__name__}, expected memory or a number")


def _say_once() -> None:
    global _said  # noqa: PLW0603 - one line per process is the point
    if not _said:
        _said = True
        log.warning(
            "numba: compiling kernels for this CPU; they are kept in %s "
            "(`rinzler warmup numba` does it ahead)",
            cache.folder(),
        )

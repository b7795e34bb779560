"""What the author of a backend writes: five storage methods and a dictionary of kernels.

A kernel is `kernel(out, *ins, **attrs)`, outputs first, on the handles that `view` returned. It
never infers a shape, never allocates a result and does not know that autograd exists. The op table
(`spec.py` and the files it names) says what each kernel computes; kernels of rows that have a
default may be left out, in any combination.

Leaves out: how a backend is found (`rinzler.plugins`). Read next: `device.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rinzler.errors import BackendError
from rinzler.ops.spec import Specs
from rinzler.ops.tape import Tape

# Major must match between core and a backend; minor only adds optional ops and attributes.
PROTOCOL = (1, 0)


@dataclass(frozen=True)
class Caps:
    """What a backend can do, as facts that core asks for."""

    dtypes: tuple[str, ...] = ("float32", "int32")
    alignment: int = 64  # bytes: every offset given to `view` is a multiple of it
    device_text: str = ""  # for people: "AMD EPYC, 2 threads, OpenBLAS"
    deterministic: bool = True  # the same call twice gives the same bits
    software: bool = False  # a GPU in name only, the CPU computes: taken where it is named


@dataclass(frozen=True)
class Fact:
    """Something about a backend on this machine that explains its speed or its limits."""

    name: str  # "threads"
    value: str  # "2 of 2, started by tbb"
    advice: str = ""  # where it could be better: why, what that costs, and what to type
    detail: bool = False  # only for `rinzler backends -v`, which shows all there is


class Backend(ABC):
    """Storage and kernels of one device. Calls behave as if run in the order they were made."""

    name: str
    caps: Caps
    kernels: Mapping[str, Callable[..., None]]

    @abstractmethod
    def alloc(self, nbytes: int) -> Any:
        """A buffer of at least `nbytes`, contents arbitrary. Raises MemoryError when it cannot."""

    @abstractmethod
    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Any:
        """What kernels receive: `shape` and `dtype` laid over the buffer from byte `offset`."""

    @abstractmethod
    def upload(self, handle: Any, host: np.ndarray) -> None:
        """Copy a contiguous host array of the same shape and dtype into the handle's memory."""

    @abstractmethod
    def download(self, handle: Any, host: np.ndarray) -> None:
        """Copy the handle's memory into a contiguous host array, after all earlier calls."""

    @abstractmethod
    def synchronize(self) -> None:
        """Return when all earlier calls are done."""

    def set_threads(self, count: int) -> None:
        """How many threads of the CPU kernels may use from now on; optional."""
        raise BackendError(f"backend {self.name!r} has no threads to set: leave --threads out")

    def compile(self, tape: Tape) -> Callable[[], None] | None:
        """A recorded step as one function, if this backend can do better than a Python loop.

        It is called once for each step that was recorded. What it returns runs the whole tape, to
        the bits that the kernels called in order would give, and is called again and again. Between
        two runs the contents of handles change by upload. None: core loops over the calls.
        """
        return None

    def facts(self) -> Sequence[Fact]:
        """What `rinzler doctor` and `rinzler backends -v` show, and nothing else; optional."""
        return ()

    def tunables(self) -> Mapping[str, Sequence[str]]:
        """Variables of the environment that this backend reads when it is opened, each with values
        that may be faster than its default on some machine; optional.

        `rinzler-autotune` tries them, one at a time, and `rinzler-train` sets what it found.
        """
        return {}

    def numerics(self) -> Mapping[str, str]:
        """What the bits of results depend on, besides the calls: names and values; optional.

        Versions, the CPU or the driver that kernels were made for, variables that change them; not
        the number of threads, if the bits are the same for any. A run keeps this beside its
        weights, and says so where it goes on with another.
        """
        return {"device": self.caps.device_text}

    def warmup(self) -> Mapping[str, Callable[[], object]]:
        """What would take time at its first use: names, and calls that do it now; optional.

        `rinzler warmup` calls each once, in order, so that later processes find it done.
        """
        return {}

    def supports(self, op: str, specs: Specs) -> bool:
        """Whether the kernel of an op with a default takes these operands; else core runs that."""
        return True

"""Devices with a fault: one launch of a step leaves a bad number in one of its outputs.

Every kernel works as its backend has it; the fault is put into memory after it. Read next:
`rows.py`, which knows where in the model that launch stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rinzler.ops import Device

Target = tuple[int, int, int, float]  # launch of a step, output, element, bad number


class Uncompiled:
    """A backend that makes no program of a step: its kernels are called one by one, to be spoilt.

    The rest of a replay is the same: places in memory, order, operands.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def supports(self, op: str, specs: Any) -> bool:
        return bool(self._backend.supports(op, specs))

    def compile(self, tape: Any) -> None:
        """None: whoever asks runs the tape itself."""


class Spoiled(Device):
    """The kernels of `backend`, one of which errs where there is a target."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.target: Target | None = None
        self.count = 0  # launches of this step so far
        self.seen: list[tuple[str, tuple[Any, ...]]] = []  # of one step: op, specs of its outputs
        self._kernels: dict[Any, Callable[..., None]] = {}

    def launch(self, op: str, kernel: Any, outs: Any, ins: Any, attrs: Any, host: bool = False):
        # Of one kernel there is one wrapper: two recordings of a step have to be equal.
        specs = tuple([None if x is None else (x.shape, x.dtype) for x in outs])
        wrapper = self._kernels.setdefault((kernel, specs), self._wrapped(op, kernel, specs))
        super().launch(op, wrapper, outs, ins, attrs, host)

    def _wrapped(self, op: str, kernel: Callable[..., None], specs: Any) -> Callable[..., None]:
        def run(*handles: Any, **attrs: Any) -> None:
            kernel(*handles, **attrs)
            self.seen.append((op, specs))
            if self.target is not None and self.target[0] == self.count:
                _, out, element, bad = self.target
                shape, dtype = specs[out]
                host = np.empty(shape, dtype)
                self.backend.download(handles[out], host)
                host.reshape(-1)[element] = bad
                self.backend.upload(handles[out], host)
            self.count += 1

        return run

    def begin(self) -> None:
        self.count = 0
        self.seen = []

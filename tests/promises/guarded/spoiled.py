"""Devices with a fault: one launch of a step leaves a bad number in one of its outputs.

Every kernel works as its backend has it; the fault is put into memory after it, in the middle of a
program too where the backend makes one of a captured step.
Read next: `rows.py`, which knows where in the model that launch stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rinzler.ops import Device
from rinzler.ops.tape import BoundCall, Tape

Spec = tuple[tuple[int, ...], str]
Target = tuple[int, int, int, float]  # launch of a step, output, element, bad number


def without_fault(call: BoundCall) -> BoundCall:
    kernel: Any = call.kernel
    return replace(call, kernel=kernel.bare)


class Faulty:
    """A backend whose programs have the fault of a `Spoiled` device inside of them.

    Up to the launch that errs, and after it, a program is what the backend makes of it.
    """

    def __init__(self, backend: Any, device: Spoiled) -> None:
        self._backend, self._device = backend, device

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def supports(self, op: str, specs: Any) -> bool:
        return bool(self._backend.supports(op, specs))

    def compile(self, tape: Tape) -> Callable[[], None] | None:
        bare = tuple(map(without_fault, tape))
        sound = self._backend.compile(bare)
        if sound is None:  # whoever asks runs the tape itself, whose kernels err
            return None

        def run() -> None:
            target, first = self._device.target, self._device.count
            self._device.count += len(tape)
            if target is None or not first <= target[0] < first + len(tape):
                sound()
                return
            after = target[0] - first + 1
            fault = self._fault(tape[after - 1], target[1])
            self._backend.compile((*bare[:after], fault, *bare[after:]))()
            self._device.programs += 1

        return run

    def _fault(self, call: BoundCall, out: int) -> BoundCall:
        kernel: Any = call.kernel
        spoil = partial(self._device.spoil, spec=kernel.specs[out])
        return BoundCall("fault", spoil, (call.outs[out],), (), {}, host=True, writes=call.writes)


class Spoiled(Device):
    """The kernels of `backend`, one of which errs where there is a target."""

    def __init__(self, backend: Any) -> None:
        super().__init__(Faulty(backend, self))
        self.target: Target | None = None
        self.count = 0  # launches of this step so far
        self.programs = 0  # that ran with a fault in them
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
                out = self.target[1]
                self.spoil(handles[out], specs[out])
            self.count += 1

        wrapper: Any = run
        wrapper.bare, wrapper.specs = kernel, specs
        return run

    def spoil(self, handle: Any, spec: Spec) -> None:
        """Put the target's bad number into this output, of such a shape and dtype."""
        assert self.target is not None
        _, _, element, bad = self.target
        host = np.empty(*spec)
        self.backend.download(handle, host)
        host.reshape(-1)[element] = bad
        self.backend.upload(handle, host)

    def begin(self) -> None:
        self.count = 0
        self.seen = []

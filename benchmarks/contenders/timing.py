"""A backend around a backend, with a clock at every kernel.

It works for any backend, as it knows nothing of one: handles travel in an envelope with their shape
and dtype, kernels are called through a wrapper that notes op, shapes and seconds, and a captured
step runs as a list of calls, since what `Backend.compile` makes of it cannot be looked into. So
captured kernels are timed on the memory that the plan gave them.

Leaves out: what the times mean, which is `../ops.py`. Read next: `timeline.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from rinzler.ops import OPS, Backend, Caps
from rinzler.ops.spec import Spec


class Handle(NamedTuple):
    """What core holds in place of the backend's own handle."""

    inner: Any
    shape: tuple[int, ...]
    dtype: str


@dataclass
class Row:
    """All calls of one op on operands of the same shapes."""

    op: str
    operands: tuple[Spec | None, ...]  # outs, then ins
    cost: tuple[int, int] | None  # (flops, bytes) of one call; None where the table does not say
    calls: int = 0  # since the last `take`
    seconds: float = 0.0  # of these calls
    steps: list[tuple[int, float]] = field(default_factory=list)  # (calls, seconds) of each step


class TimedBackend(Backend):
    """The backend `inner`, timed; `take` ends a step."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner
        self.name = inner.name
        self.rows: dict[Any, Row] = {}
        self.kernels = {op: self._timed(op, kernel) for op, kernel in inner.kernels.items()}

    @property
    def caps(self) -> Caps:  # type: ignore[override]
        return self.inner.caps

    def take(self) -> None:
        """Close the account of one step."""
        for row in self.rows.values():
            row.steps.append((row.calls, row.seconds))
            row.calls, row.seconds = 0, 0.0

    def _timed(self, op: str, kernel: Callable[..., None]) -> Callable[..., None]:
        inner = self.inner

        def run(*handles: Handle | None, **attrs: Any) -> None:
            operands = [None if x is None else x.inner for x in handles]
            row = self._row(op, handles, attrs)
            start = time.perf_counter()
            kernel(*operands, **attrs)
            inner.synchronize()  # on a CPU there is nothing to wait for
            row.seconds += time.perf_counter() - start
            row.calls += 1

        return run

    def _row(self, op: str, handles: tuple[Handle | None, ...], attrs: dict[str, Any]) -> Row:
        operands = tuple([None if x is None else Spec(x.shape, x.dtype) for x in handles])
        key = (op, operands, repr(attrs))
        if key not in self.rows:
            self.rows[key] = Row(op, operands, cost_of(op, operands, attrs))
        return self.rows[key]

    def alloc(self, nbytes: int) -> Any:
        return self.inner.alloc(nbytes)

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Handle:
        return Handle(self.inner.view(buffer, offset, shape, dtype), shape, dtype)

    def upload(self, handle: Handle, host: np.ndarray) -> None:
        self.inner.upload(handle.inner, host)

    def download(self, handle: Handle, host: np.ndarray) -> None:
        self.inner.download(handle.inner, host)

    def synchronize(self) -> None:
        self.inner.synchronize()

    def supports(self, op: str, specs: Any) -> bool:
        return self.inner.supports(op, specs)


def cost_of(
    op: str, operands: tuple[Spec | None, ...], attrs: dict[str, Any]
) -> tuple[int, int] | None:
    """(flops, bytes) by the op table, from all operands of a kernel's call."""
    row = OPS[op]
    if row.cost is None:
        return None
    outs, ins = operands[: len(row.outputs)], operands[len(row.outputs) :]
    return row.cost((*[outs[index] for index in row.updates], *ins), attrs)

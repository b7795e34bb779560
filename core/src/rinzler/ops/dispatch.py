"""`call`: the one function that infers, allocates, picks a kernel and runs it.

Every computation in Rinzler goes through here, forward and backward, on every backend. It works on
arrays and keeps no history; `rinzler.tensor` records for autograd what it calls.

`RINZLER_NO_FUSED=1` or `with no_fused():` makes every op that has a default run as that default:
a debugging tool, a baseline for benchmarks, and an axis of the test suite.
Read next: `elementwise.py`, the simplest rows of the table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from rinzler.errors import DeviceError, ShapeError
from rinzler.ops.device import Array, Device
from rinzler.ops.spec import OPS, OpSpec, Spec

_no_fused: ContextVar[bool] = ContextVar(
    "rinzler_no_fused", default=os.environ.get("RINZLER_NO_FUSED", "") not in ("", "0")
)


@contextmanager
def no_fused(forced: bool = True) -> Iterator[None]:
    """Within it, only required kernels run; every other op is its default.

    With `forced` False the opposite: kernels run, whatever RINZLER_NO_FUSED says.
    """
    before = _no_fused.get()
    try:  # before the change: Ctrl-C may come right after it
        _no_fused.set(forced)
        yield
    finally:
        _no_fused.set(before)


def fused() -> bool:
    """Whether kernels of ops that have a default run, here and now."""
    return not _no_fused.get()


def call(op: str, *ins: Array | None, out: Any = None, **attrs: Any) -> Any:
    """Run one op.

    `ins` are arrays of one device (None for an absent operand); `out` is an array, or one per
    output, to write into instead of a fresh one (None entries are allocated). Returns the output,
    or the tuple of outputs where the row has several.
    Raises ShapeError, DtypeError, DeviceError, OutOfMemoryError.
    """
    row = OPS[op]
    given = out if isinstance(out, tuple) else (out,) * len(row.outputs)
    read = (*[given[index] for index in row.updates], *ins) if row.updates else ins
    if row.updates and len(given) == 1 and out is None:
        raise ShapeError(f"{op}: it writes into memory that is there already; pass out=")
    device = device_of(row, read)
    specs = row.infer(read, attrs)
    outs = tuple(
        [_output(row, index, device, spec, given[index]) for index, spec in enumerate(specs)]
    )
    if not _settle_empty(row, outs, ins, attrs):
        if device.watcher is None:
            _run(row, device, outs, ins, attrs)
        else:
            device.watcher.run(row, outs, lambda: _run(row, device, outs, ins, attrs))
    return outs[0] if len(outs) == 1 else outs


def device_of(row: OpSpec, operands: Sequence[Array | None]) -> Device:
    """The one device of all operands. Raises DeviceError where two meet."""
    device: Device | None = None
    for x in operands:
        if x is None:
            continue
        if device is None:
            device = x.device
        elif x.device is not device:
            raise DeviceError(
                f"{row.name}: one operand lives on {device.name}, another on {x.device.name}; "
                f"move one of them with Tensor(x.numpy(), device={device.name!r})"
            )
    if device is None:
        raise ShapeError(f"{row.name}: no operand given, expected {', '.join(row.inputs)}")
    return device


def _output(
    row: OpSpec, index: int, device: Device, spec: Spec | None, into: Array | None
) -> Array | None:
    if into is None:
        if index in row.updates or spec is None:
            return None  # one of several updates is not wanted: the gradient of an absent bias
        return device.empty(spec.shape, spec.dtype)
    if into.device is not device:
        raise DeviceError(f"{row.name}: out lives on {into.device.name}, operands on {device.name}")
    if spec is not None and (spec.shape != into.shape or spec.dtype != into.dtype):
        raise ShapeError(
            f"{row.name}: out {row.outputs[index]!r} is {into.dtype}{into.shape}, "
            f"expected {spec.dtype}{spec.shape}"
        )
    return into


def _settle_empty(
    row: OpSpec, outs: Sequence[Any], ins: Sequence[Array | None], attrs: dict[str, Any]
) -> bool:
    """Arrays without elements never reach a kernel. True where nothing is left to run."""
    for x in (*outs, *ins):
        if x is not None and not x.size:
            return _settled(row, outs, ins, attrs)
    return False


def _settled(
    row: OpSpec, outs: Sequence[Any], ins: Sequence[Array | None], attrs: dict[str, Any]
) -> bool:
    """The same for a call with such an array among its own."""
    wanted = {k: x for k, x in enumerate(outs) if x is not None and x.size}
    if not wanted:
        return True
    if all(x is None or x.size for x in ins):
        return False
    for k, x in wanted.items():
        if k in row.updates or attrs.get("accumulate"):
            continue  # nothing to add to it
        if row.empty is None:
            raise ShapeError(f"{row.name}: an operand has no elements")
        x.fill(row.empty)
    return True


def _run(
    row: OpSpec, device: Device, outs: Sequence[Any], ins: Sequence[Any], attrs: dict[str, Any]
) -> None:
    kernel = None
    if row.required or fused():
        kernel = device.kernel(row, tuple(ins))
    if kernel is not None:
        device.launch(row.name, kernel, outs, ins, attrs)
    elif row.host:
        device.launch(row.name, device.host_kernel(row), outs, ins, attrs, host=True)
    else:
        assert row.default is not None  # a required kernel is there: Device checked
        row.default(outs, *ins, **attrs)
    for x in outs:
        if x is not None and x.dtype == "int32":
            _note_moved_ids(x, ins)


def _note_moved_ids(out: Array, ins: Sequence[Array | None]) -> None:
    """Movement keeps ids within the bounds of what it moved, and of what was there before."""
    for x in ins:
        if x is not None and x.block.bounds is not None:
            out.note_ids(np.array(x.block.bounds))

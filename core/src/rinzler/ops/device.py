"""`Device`, an opened backend with its memory, and `Array`, dense memory on it.

An `Array` is a shape, a dtype and a place: no gradient, no history. `Tensor` (one rung up) adds
those. All that a backend supplies is reached through here and through `dispatch.call`.

Leaves out: strides. Arrays are contiguous; a reshape shares memory, any other movement copies.
Read next: `dispatch.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from typing import Any

import numpy as np

from rinzler.errors import BackendError, DtypeError, ShapeError
from rinzler.ops.backend import Backend
from rinzler.ops.memory import Allocator, Block
from rinzler.ops.recording import Recorder
from rinzler.ops.spec import ITEMSIZE, OPS, OpSpec
from rinzler.ops.watching import Watcher

log = logging.getLogger("rinzler")
CONSTANTS_KEPT = 1024  # distinct Python numbers; a program that makes more starts over


class Array:
    """Dense C-contiguous memory on one device."""

    __slots__ = ("block", "device", "dtype", "handle", "offset", "shape", "size")

    def __init__(
        self, device: Device, block: Block, offset: int, shape: tuple[int, ...], dtype: str
    ) -> None:
        self.device = device
        self.block = block  # keeps the memory; arrays over one block share it
        self.offset = offset  # bytes
        self.shape = shape
        self.size = prod(shape)
        self.dtype = dtype
        self.handle = device.backend.view(block.buffer, offset, shape, dtype)

    def numpy(self) -> np.ndarray:
        """A copy on the host. Raises CaptureError while a step is recorded."""
        if self.device.recorder is not None:
            self.device.recorder.refuse_reading()
        return self._download()

    def _download(self) -> np.ndarray:
        host = np.empty(self.shape, self.dtype)
        if host.size:
            self.device.backend.download(self.handle, host)
        return host

    def item(self) -> float:
        """The value of a one-element array as a Python number."""
        if self.size != 1:
            raise ShapeError(f"item(): the array has shape {self.shape}, expected one element")
        return self.numpy().reshape(-1)[0].item()

    def upload(self, host: np.ndarray) -> None:
        """Replace the contents by a host array of the same shape.

        Raises CaptureError while a step is recorded.
        """
        if self.device.recorder is not None:
            self.device.recorder.refuse_writing()
        if host.shape != self.shape:
            raise ShapeError(f"upload: host has shape {host.shape}, expected {self.shape}")
        if self.dtype == "int32":
            self.note_ids(host)
        host = np.asarray(host, dtype=self.dtype, order="C")
        if host.size:
            self.device.backend.upload(self.handle, host)

    def fill(self, value: float) -> None:
        """Set every element."""
        if self.dtype == "int32":
            self.note_ids(np.array(int(value)))
        if self.size:
            fill = self.device.backend.kernels["fill"]
            self.device.launch("fill", fill, (self,), (), {"value": value})

    def reshape(self, shape: tuple[int, ...]) -> Array:
        """The same memory under another shape of the same size."""
        if prod(shape) != self.size:
            raise ShapeError(f"reshape: {self.shape} has {self.size} elements, {shape} has not")
        return Array(self.device, self.block, self.offset, shape, self.dtype)

    def part(self, start: int, shape: tuple[int, ...]) -> Array:
        """A piece of this flat array, from element `start`: how parameters share one buffer."""
        offset = self.offset + start * ITEMSIZE[self.dtype]
        return Array(self.device, self.block, offset, shape, self.dtype)

    def note_ids(self, host: np.ndarray) -> None:
        """Remember how far the ids in this memory reach, so that they are checked once.

        Memory may be written in parts and through several views: the note only ever widens.
        """
        if not host.size:
            return
        low, high = 0, 2**31
        if host.dtype.kind in "iu" and host.dtype.isnative:
            # Read without its sign, a negative number is a large one.
            high = int(np.maximum.reduce(host.view(f"u{host.itemsize}"), axis=None))
        if high >= 2**31:
            low, high = int(host.min()), int(host.max())
        if low < -(2**31) or high >= 2**31:
            raise DtypeError(f"integers from {low} to {high} do not fit int32")
        before = self.block.bounds or (low, high)
        self.block.bounds = (min(low, before[0]), max(high, before[1]))

    def ids_within(self, count: int) -> tuple[int, int] | None:
        """None where all ids are in [0, count), else the smallest and largest that are here.

        The note answers, where there is one; it may be too wide, so a refusal is looked up.
        """
        if self.device.recorder is not None:
            self.device.recorder.note_ids(self, count)
        noted = self.block.bounds
        if (noted is not None and noted[0] >= 0 and noted[1] < count) or not self.size:
            return None
        host = self._download()
        low, high = int(host.min()), int(host.max())
        return None if low >= 0 and high < count else (low, high)

    def __repr__(self) -> str:
        return f"Array(shape={self.shape}, dtype={self.dtype}, device={self.device.name})"


class Device:
    """An opened backend: its kernels, its memory, its constants. Compared by identity."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.name = backend.name
        self.memory = Allocator(backend)
        self.recorder: Recorder | None = None  # notes every launch while a step is recorded
        self.watcher: Watcher | None = None  # looks at what every call gives
        self._constants: dict[Hashable, Array] = {}
        self._host_kernels: dict[str, Callable[..., None]] = {}
        self._noted: set[str] = set()
        self._asks_supports = type(backend).supports is not Backend.supports
        missing = [row.name for row in OPS.values() if row.required and not self._has(row.name)]
        if missing:
            raise BackendError(
                f"backend {self.name!r} lacks the required kernels {', '.join(missing)}; "
                "see rinzler.ops.OPS[name].doc for what each computes"
            )

    def _has(self, op: str) -> bool:
        return op in self.backend.kernels

    def kernel(self, row: OpSpec, operands: tuple[Any, ...]) -> Callable[..., None] | None:
        """The backend's kernel for a row, or None where core's default has to run."""
        found = self.backend.kernels.get(row.name)
        if found is not None and (
            row.required or not self._asks_supports or self.backend.supports(row.name, operands)
        ):
            return found
        if row.name not in self._noted:
            self._noted.add(row.name)
            log.info("%s: default (backend %s has no kernel for it)", row.name, self.name)
        return None

    def host_kernel(self, row: OpSpec) -> Callable[..., None]:
        """The default of a row that is marked `host`, as a kernel on this backend's handles."""
        if row.name not in self._host_kernels:
            assert row.default is not None  # only such rows are marked
            self._host_kernels[row.name] = partial(row.default, self.backend)
        return self._host_kernels[row.name]

    def launch(
        self,
        op: str,
        kernel: Callable[..., None],
        outs: Sequence[Array | None],
        ins: Sequence[Array | None],
        attrs: Mapping[str, Any],
        host: bool = False,
    ) -> None:
        """Run a kernel. Every kernel of every backend is started on this line, or on a tape's."""
        if self.recorder is not None:
            self.recorder.note(op, kernel, outs, ins, attrs, host)
        kernel(*[None if x is None else x.handle for x in (*outs, *ins)], **attrs)

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Within it a recorder sees nothing: what is made stays, and is held."""
        recorder = self.recorder
        try:  # before the change: Ctrl-C may come right after it
            self.recorder = None
            yield
        finally:
            self.recorder = recorder

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """An array of arbitrary contents."""
        if dtype not in self.backend.caps.dtypes:
            raise DtypeError(
                f"backend {self.name!r} cannot hold {dtype}; it holds "
                f"{', '.join(self.backend.caps.dtypes)}"
            )
        block = self.memory.allocate(prod(shape) * ITEMSIZE[dtype])
        if self.recorder is not None:
            self.recorder.born(block)
        return Array(self, block, 0, shape, dtype)

    def room(self, count: int, dtype: str) -> int:
        """`count` elements, rounded up to where the next part of the same array may begin."""
        unit = max(self.backend.caps.alignment // ITEMSIZE[dtype], 1)
        return -(-count // unit) * unit

    def full(self, shape: tuple[int, ...], value: float, dtype: str) -> Array:
        """An array of one value."""
        array = self.empty(shape, dtype)
        array.fill(value)
        return array

    def array(self, host: np.ndarray, dtype: str | None = None) -> Array:
        """A copy of a host array; 64-bit integers become int32 where they fit."""
        host = np.asarray(host)
        dtype = dtype or ("int32" if host.dtype.kind in "iu" else host.dtype.name)
        if dtype not in ITEMSIZE:
            raise DtypeError(f"dtype {dtype} is not known; expected one of {', '.join(ITEMSIZE)}")
        array = self.empty(host.shape, dtype)
        array.upload(host)
        return array

    def constant(self, value: float, dtype: str) -> Array:
        """A one-element array of a Python number; equal numbers share one. Never write to it."""
        # repr tells -0.0 from 0.0 and keeps NaN findable, which `==` would not.
        return self.cached(
            ("constant", repr(float(value)), dtype), lambda: self.full((), value, dtype)
        )

    def cached(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """An array made once per device: constants, masks, identity matrices."""
        found = self._constants.get(key)
        if found is None:
            if len(self._constants) >= CONSTANTS_KEPT:
                self._constants.clear()
            with self.unrecorded():
                found = self._constants[key] = make()
            found.block.label = key
        return found

    def synchronize(self) -> None:
        self.backend.synchronize()

    def __repr__(self) -> str:
        return f"Device({self.name})"

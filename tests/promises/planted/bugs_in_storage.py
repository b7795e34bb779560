"""Planted bugs that no kernel shows by itself: in storage, and in what is kept between calls.

Each is a numpy backend that gives right answers to one call on fresh operands, and the tier that
has to see it. Read next: `bugs_in_programs.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from planted import GOOD, Kernel, Planted

from rinzler.ops import Backend

# --- storage ----------------------------------------------------------------------------------


class UploadLooksLater(Planted):
    """A transfer that is queued without a copy: it reads the host when a kernel needs it."""

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[tuple[Any, Any]] = []
        self.kernels = {op: self.after(kernel) for op, kernel in self.kernels.items()}

    def after(self, kernel: Kernel) -> Kernel:
        def run(*handles: Any, **attrs: Any) -> None:
            self.flush()
            kernel(*handles, **attrs)

        return run

    def flush(self) -> None:
        for handle, host in self.queued:
            np.copyto(handle, host)
        self.queued.clear()

    def upload(self, handle: Any, host: Any) -> None:
        self.queued.append((handle, host))

    def download(self, handle: Any, host: Any) -> None:
        self.flush()
        super().download(handle, host)


class DownloadGoesOn(Planted):
    """A download that was asked for is carried out once more when the queue is drained."""

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[Any, Any] | None = None

    def download(self, handle: Any, host: Any) -> None:
        super().download(handle, host)
        self.last = (handle, host)

    def synchronize(self) -> None:
        if self.last is not None:
            super().download(*self.last)


class UploadOvertakes(Planted):
    """Kernels wait in a queue until something is read; uploads do not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[Callable[[], None]] = []
        self.kernels = {op: self.later(kernel) for op, kernel in self.kernels.items()}

    def later(self, kernel: Kernel) -> Kernel:
        return lambda *handles, **attrs: self.queued.append(lambda: kernel(*handles, **attrs))

    def download(self, handle: Any, host: Any) -> None:
        self.synchronize()
        super().download(handle, host)

    def synchronize(self) -> None:
        for each in self.queued:
            each()
        self.queued.clear()


class MemoryGoesOutTwice(Planted):
    """A pool of a few buffers of each size, which come round again whether or not they are free."""

    MOST = 24

    def __init__(self) -> None:
        super().__init__()
        self.pools: dict[int, list[Any]] = {}

    def alloc(self, nbytes: int) -> Any:
        pool = self.pools.setdefault(nbytes, [])
        pool.append(super().alloc(nbytes) if len(pool) < self.MOST else pool.pop(0))
        return pool[-1]


class ViewForgetsTheOffset(Planted):
    """Every view begins where its buffer does."""

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Any:
        return super().view(buffer, 0, shape, dtype)


class ViewRoundsTheOffset(Planted):
    """It takes offsets for multiples of 128, though it has said 64."""

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Any:
        return super().view(buffer, offset // 128 * 128, shape, dtype)


class WholeNumbersThroughFloats(Planted):
    """int32 arrives by way of float32, which has 24 bits."""

    def upload(self, handle: Any, host: Any) -> None:
        super().upload(handle, host.astype(np.float32).astype(host.dtype) if host.size else host)


# --- what is kept between calls ----------------------------------------------------------------


def add_works_in_its_operand() -> Backend:
    """Where both operands are one array it takes that as its scratch."""

    def add(out: Any, a: Any, b: Any) -> None:
        if a.ctypes.data == b.ctypes.data and a.ctypes.data != out.ctypes.data:
            a += b
            out[...] = a
            a -= b / np.float32(3)
        else:
            GOOD.kernels["add"](out, a, b)

    return Planted(add=add)


def sum_rows_keeps_its_scratch() -> Backend:
    """A buffer that grows and is not cleared: after a wide call a narrow one sums old columns."""
    scratch = np.zeros((0, 0))

    def sum_rows(out: Any, x: Any) -> None:
        nonlocal scratch
        rows, columns = x.shape
        if rows > scratch.shape[0] or columns > scratch.shape[1]:
            scratch = np.zeros((max(rows, len(scratch)), max(columns, scratch.shape[1])))
        scratch[:rows, :columns] = x
        wide = -(-columns // 8) * 8
        out[...] = scratch[:rows, :wide].sum(axis=1)

    return Planted(sum_rows=sum_rows)


def sum_rows_in_any_order() -> Backend:
    """As atomics or threads would: the same numbers in another order each time."""
    rng = np.random.default_rng()

    def sum_rows(out: Any, x: Any) -> None:
        out[...] = np.cumsum(x[:, rng.permutation(x.shape[1])], axis=1)[:, -1]

    return Planted(sum_rows=sum_rows)


def add_rows_in_any_order() -> Backend:
    rng = np.random.default_rng()

    def add_rows(out: Any, ids: Any, rows: Any) -> None:
        order = rng.permutation(ids.size)
        np.add.at(out, ids.reshape(-1)[order], rows.reshape(ids.size, -1)[order])

    return Planted(add_rows=add_rows)


def matmul_splits_by_turns() -> Backend:
    """The inner axis is cut in two at a place that depends on how many calls there were."""
    calls = 0

    def matmul(out: Any, a: Any, b: Any, *, ta: bool, tb: bool, accumulate: bool) -> None:
        nonlocal calls
        calls += 1
        a, b = (np.swapaxes(x, -1, -2) if t else x for x, t in ((a, ta), (b, tb)))
        cut = a.shape[-1] * (1 + calls % 3) // 4
        product = a[..., :cut] @ b[..., :cut, :] + a[..., cut:] @ b[..., cut:, :]
        out[...] = out + product if accumulate else product

    return Planted(matmul=matmul)


# --- sizes that only a model has --------------------------------------------------------------


def matmul_wrong_where_a_model_is() -> Backend:
    """A path for 64 rows and 32 columns on the inside, with a slip of a part in a thousand."""

    def matmul(out: Any, a: Any, b: Any, **flags: Any) -> None:
        GOOD.kernels["matmul"](out, a, b, **flags)
        if out.shape == (64, 61):
            out *= np.float32(1.001)

    return Planted(matmul=matmul)


# The backend, the tier that must see it, and words that it says.
BUGS: list[tuple[Callable[[], Backend], str, str]] = [
    (UploadLooksLater, "memory", "upload keeps looking at the host array"),
    (DownloadGoesOn, "memory", "what was downloaded changes with the device"),
    (UploadOvertakes, "memory", "did not see the upload before it"),
    (MemoryGoesOutTwice, "memory", "hold numbers of another"),
    (ViewForgetsTheOffset, "bringup", "a second view at the same offset"),
    (ViewRoundsTheOffset, "memory", "is nan"),
    (WholeNumbersThroughFloats, "bringup", "upload must copy bits, not values"),
    (add_works_in_its_operand, "memory", "add(x, x) differs from add(x, y)"),
    (sum_rows_keeps_its_scratch, "memory", "after a larger one"),
    (sum_rows_in_any_order, "determinism", "gives other bits than the first"),
    (add_rows_in_any_order, "determinism", "gives other bits than the first"),
    (matmul_splits_by_turns, "determinism", "gives other bits than the first"),
    (matmul_wrong_where_a_model_is, "train", "norm of step 2 is"),
]

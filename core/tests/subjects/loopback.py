"""`Loopback`: numpy's kernels behind memory and a queue that are as unkind as a device may be.

Over numpy a fresh block often holds zeros, a freed one what was in it last, and every call is done
when it returns. A real device promises none of that, so core must not count on it. Here
  - calls wait in a queue until something is read or waited for, then run late, in their order;
  - fresh memory is NaN, and so is an output before its kernel runs;
  - freed memory becomes NaN at that point of the queue, and must still be so when it is handed out
    again: who wrote to it in between is told (`Poisoning`);
  - a handle is opaque: there is nothing to read but by `download`.
What is right over Loopback has the bits of numpy, since the kernels are the same.

Leaves out: time and threads; late is as late as the protocol allows. Read next: `null.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from rinzler.ops import OPS, Backend, Caps
from rinzler.ops.memory import Allocator, Block
from rinzler_numpy.backend import NumpyBackend

# NaN for float32, twice in a row NaN for float64, and as int32 an id that no table has.
POISON = 0x7FF8DEAD


class Handle:
    """What core holds of an operand. The memory is this file's business."""

    __slots__ = ("_memory",)

    def __init__(self, memory: np.ndarray) -> None:
        self._memory = memory


class Loopback(Backend):
    """Each call is put off to the moment that somebody looks."""

    def __init__(self) -> None:
        self.inner = NumpyBackend()
        self.name = "loopback"
        dtypes, alignment = self.inner.caps.dtypes, self.inner.caps.alignment
        self.caps = Caps(dtypes, alignment, "numpy behind a queue, over poisoned memory")
        self.kernels = {op: self._later(op, kernel) for op, kernel in self.inner.kernels.items()}
        self.queue: deque[Callable[[], None]] = deque()
        self.longest = 0  # the most calls that ever waited

    def _later(self, op: str, kernel: Callable[..., None]) -> Callable[..., None]:
        def enqueue(*handles: Handle | None, **attrs: Any) -> None:
            operands = [None if each is None else each._memory for each in handles]
            self._put(partial(_run, op, kernel, operands, attrs))

        enqueue.__name__ = op
        return enqueue

    def _put(self, call: Callable[[], None]) -> None:
        self.queue.append(call)
        self.longest = max(self.longest, len(self.queue))

    def alloc(self, nbytes: int) -> np.ndarray:
        words = -(-nbytes // 4)
        buffer = self.inner.alloc(4 * words)
        buffer.view(np.uint32).fill(POISON)
        return buffer

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Handle:
        return Handle(self.inner.view(buffer, offset, shape, dtype))

    def upload(self, handle: Handle, host: np.ndarray) -> None:
        self._put(partial(np.copyto, handle._memory, host.copy()))

    def download(self, handle: Handle, host: np.ndarray) -> None:
        self.synchronize()
        np.copyto(host, handle._memory)

    def synchronize(self) -> None:
        while self.queue:
            self.queue.popleft()()

    def poison(self, buffer: np.ndarray) -> None:
        """From here on nobody owns this memory."""
        self._put(partial(buffer.view(np.uint32).fill, POISON))

    def expect_poison(self, buffer: np.ndarray) -> None:
        """At this point of the queue nobody owns this memory, so nobody has written to it."""
        self._put(partial(_expect_poison, buffer))


class Poisoning(Allocator):
    """Core's allocator over a Loopback that hears what is given back and handed out again."""

    backend: Loopback

    def release(self, buffer: Any, nbytes: int) -> None:
        self.backend.poison(buffer)
        super().release(buffer, nbytes)

    def allocate(self, nbytes: int) -> Block:
        block = super().allocate(nbytes)
        self.backend.expect_poison(block.buffer)
        return block


def allocator_of(backend: Backend) -> Allocator:
    """What a device takes for its memory, where tests run over Loopback and others."""
    return (Poisoning if isinstance(backend, Loopback) else Allocator)(backend)


def _run(
    op: str,
    kernel: Callable[..., None],
    operands: Sequence[np.ndarray | None],
    attrs: dict[str, Any],
) -> None:
    count = len(OPS[op].outputs)
    outs, ins = operands[:count], [x for x in operands[count:] if x is not None]
    for index, out in enumerate(outs):
        kept = index in OPS[op].updates or attrs.get("accumulate")
        if out is not None and not kept and not any(np.may_share_memory(out, x) for x in ins):
            out.reshape(-1).view(np.uint32).fill(POISON)
    kernel(*operands, **attrs)


def _expect_poison(buffer: np.ndarray) -> None:
    words = np.count_nonzero(buffer.view(np.uint32) != POISON)
    if words:
        raise AssertionError(
            f"a block of {buffer.nbytes} bytes was handed out while {words} words of it are in "
            "use: somebody holds it still, or wrote to it after it was given back"
        )

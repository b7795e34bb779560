"""Fenced arrays: memory whose surroundings are known, so that a stray write or read shows.

A fenced array lies inside of a larger one, at an aligned offset, between stretches of a pattern. A
kernel that writes past an end changes the pattern; one that reads past an end picks it up, and the
pattern is a NaN, which no sum hides. Outputs hold the pattern from the start: what a kernel leaves
out stays NaN.

`Ground` is that memory: one for each operand, as in an eager step, or one for all, as in the arena
of a captured one. Read next: `run.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from rinzler.ops import Array, Device, Spec
from rinzler.ops.spec import ITEMSIZE

FENCE_BYTES = 256  # at least, on either side
PATTERNS = {"float32": 0x7FC0BEEF, "float64": 0x7FF8DEAD0000BEEF, "int32": 0x7F7F7F7F}
WHOLE = "float32"  # what a ground is as a whole: every device holds it, and copies its NaN as bits


def pattern(count: int, dtype: str) -> np.ndarray:
    """So many NaN of one payload, or the int32 of four equal bytes."""
    word = np.array(PATTERNS[dtype], f"uint{8 * ITEMSIZE[dtype]}")
    return np.full(count, word).view(dtype)


class Ground:
    """One piece of a device's memory, and what it holds before a call."""

    def __init__(self, device: Device, nbytes: int) -> None:
        self.whole = device.empty((-(-nbytes // ITEMSIZE[WHOLE]),), WHOLE)
        self.before = pattern(self.whole.size, WHOLE).view(np.uint8)

    def upload(self) -> None:
        self.whole.upload(self.before.view(WHOLE))

    def now(self) -> np.ndarray:
        """All bytes of it, as they are at this moment."""
        return self.whole.numpy().view(np.uint8)


class Fenced:
    """An array in a ground, between two fences of its own."""

    def __init__(self, ground: Ground, device: Device, start: int, spec: Spec) -> None:
        self.ground = ground
        self.itemsize = ITEMSIZE[spec.dtype]
        self.inner = slice(start, start + _nbytes(spec))  # bytes of the ground
        self.outer = slice(start - FENCE_BYTES, self.inner.stop + FENCE_BYTES)
        self.outer_size = (self.outer.stop - self.outer.start) // self.itemsize
        self.array = Array(device, ground.whole.block, start, spec.shape, spec.dtype)

    def set(self, content: np.ndarray | Spec) -> None:
        """What the ground holds here and around, once it is uploaded."""
        words = pattern(self.outer_size, self.array.dtype)
        self.ground.before[self.outer] = words.view(np.uint8)
        if isinstance(content, np.ndarray):
            self.ground.before[self.inner] = content.reshape(-1).view(np.uint8)
            if self.array.dtype == "int32":
                self.array.note_ids(content)

    def contents(self) -> np.ndarray:
        return self.array.numpy()

    def changed(self, now: np.ndarray | None = None) -> str:
        """What was written though it must not be: "", "the array itself", or where around it."""
        differs = self._differs(now)
        inside = differs[self.inner].any()
        return self._stray(differs) or ("the array itself" if inside else "")

    def stray(self, now: np.ndarray | None = None) -> str:
        """Where the memory around the array was written: how many elements off its ends."""
        return self._stray(self._differs(now))

    def _differs(self, now: np.ndarray | None) -> np.ndarray:
        return (self.ground.now() if now is None else now) != self.ground.before

    def _stray(self, differs: np.ndarray) -> str:
        behind = np.flatnonzero(differs[self.inner.stop : self.outer.stop])
        if behind.size:
            return f"{behind[0] // self.itemsize + 1} elements past its end"
        ahead = np.flatnonzero(differs[self.outer.start : self.inner.start])
        if ahead.size:
            return f"{(FENCE_BYTES - 1 - ahead[-1]) // self.itemsize + 1} elements before its start"
        return ""


def fenced(device: Device, contents: Sequence[np.ndarray | Spec]) -> list[Fenced]:
    """Places for all contents, one after the other in a ground of their own.

    A content is a host array, or a `Spec` for a place that holds nothing but the pattern yet.
    """
    specs = [_spec(content) for content in contents]
    starts = _starts(specs, device.backend.caps.alignment)
    ground = Ground(device, starts[-1] + _nbytes(specs[-1]) + FENCE_BYTES)
    places = []
    for start, spec, content in zip(starts, specs, contents, strict=True):
        places.append(Fenced(ground, device, start, spec))
        places[-1].set(content)
    ground.upload()
    return places


def _starts(specs: Sequence[Spec], alignment: int) -> list[int]:
    """Bytes: odd multiples of the alignment, which is what a backend asks for and no more."""
    starts, end = [], 0
    for spec in specs:
        unit = max(alignment, ITEMSIZE[spec.dtype])
        starts.append((2 * -(-(end + FENCE_BYTES) // (2 * unit)) + 1) * unit)
        end = starts[-1] + _nbytes(spec) + FENCE_BYTES
    return starts


def _spec(content: np.ndarray | Spec) -> Spec:
    if isinstance(content, np.ndarray):
        return Spec(content.shape, content.dtype.name)
    return content


def _nbytes(spec: Spec) -> int:
    return prod(spec.shape) * ITEMSIZE[spec.dtype]

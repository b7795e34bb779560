"""Fenced arrays: memory whose surroundings are known, so that a stray write or read shows.

A fenced array lies inside of a larger one, at an aligned offset, between stretches of a pattern. A
kernel that writes past an end changes the pattern; one that reads past an end picks it up, and the
pattern is a NaN, which no sum hides. Outputs hold the pattern from the start: what a kernel leaves
out stays NaN. Read next: `run.py`.
"""

from __future__ import annotations

from math import prod

import numpy as np

from rinzler.ops import Array, Device

FENCE_BYTES = 256  # at least, on either side
PATTERNS = {"float32": 0x7FC0BEEF, "float64": 0x7FF8DEAD0000BEEF, "int32": 0x7F7F7F7F}


def pattern(count: int, dtype: str) -> np.ndarray:
    """So many NaN of one payload, or the int32 of four equal bytes."""
    word = np.array(PATTERNS[dtype], f"uint{8 * np.dtype(dtype).itemsize}")
    return np.full(count, word).view(dtype)


class Fenced:
    """An array on a device, between two fences."""

    def __init__(self, device: Device, shape: tuple[int, ...], dtype: str) -> None:
        itemsize = np.dtype(dtype).itemsize
        alignment = device.backend.caps.alignment
        # An odd multiple of the alignment: what a backend asks for, and no more than that.
        before = (2 * -(-FENCE_BYTES // (2 * alignment)) + 1) * alignment // itemsize
        self.inside = slice(before, before + prod(shape))
        self._whole = device.empty((self.inside.stop + FENCE_BYTES // itemsize,), dtype)
        self._before = pattern(self._whole.size, dtype)
        self._whole.upload(self._before)
        self.array: Array = self._whole.part(before, shape)

    @classmethod
    def of(cls, device: Device, host: np.ndarray) -> Fenced:
        """Fenced memory with the contents of a host array."""
        fenced = cls(device, host.shape, host.dtype.name)
        if host.size:
            fenced._before[fenced.inside] = host.reshape(-1)
        fenced._whole.upload(fenced._before)
        fenced.array.upload(host)  # once more, through the array: that notes the bounds of ids
        return fenced

    def contents(self) -> np.ndarray:
        return self.array.numpy()

    def changed(self) -> str:
        """What was written though it must not be: "", "the array", or where around it."""
        now = self._whole.numpy()
        differs = _bits(now) != _bits(self._before)
        inside = differs[self.inside].any()
        return self.stray(differs) or ("the array itself" if inside else "")

    def stray(self, differs: np.ndarray | None = None) -> str:
        """Where the memory around the array was written: how many elements off its ends."""
        if differs is None:
            differs = _bits(self._whole.numpy()) != _bits(self._before)
        behind = np.flatnonzero(differs[self.inside.stop :])
        if behind.size:
            return f"{behind[0] + 1} elements past its end"
        ahead = np.flatnonzero(differs[: self.inside.start])
        if ahead.size:
            return f"{self.inside.start - ahead[-1]} elements before its start"
        return ""


def _bits(host: np.ndarray) -> np.ndarray:
    return host.view(f"u{host.itemsize}")

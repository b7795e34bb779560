"""Numbers in and out, in the order of the calls around them.

Where the host reaches the memory and no work under way touches it, an upload is one copy by the
CPU. Else it goes through a staging ring and a copy that stands in line with the calls, so that no
upload ever waits for the device. A download waits for the last use of its memory, nothing later.

Leaves out: any conversion; dtypes and shapes are equal. Read next: `backend.py`.
"""

from __future__ import annotations

import numpy as np

from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.memory import ALIGNMENT, Buffer, Chunk, Memory, Pool
from rinzler_vulkan.recorder import Recorder

RING = 8 << 20  # bytes, in two halves: one is filled while the device empties the other
FEW = 1024  # bytes that the host may read from memory that it reads slowly


class Transfers:
    """Uploads and downloads of one device, counted."""

    def __init__(self, device: LogicalDevice, pool: Pool, recorder: Recorder) -> None:
        self.device = device
        self.recorder = recorder
        self.uploads = self.downloads = 0  # since the device was opened
        self.uploaded = self.downloaded = 0  # bytes
        self._pool = pool
        self._halves: list[Buffer] = []
        self._filled = 0  # bytes of the current half

    def upload(self, memory: Memory, host: np.ndarray) -> None:
        self.uploads += 1
        self.uploaded += memory.nbytes
        buffer = memory.buffer
        self.device.expect_usable()
        if buffer.chunk.mapped is not None and self.device.is_reached(buffer.last_use):
            memory.seen_by_host()[...] = host
            return
        source = host.reshape(-1).view(np.uint8)
        done = 0
        while done < memory.nbytes:
            half, start, count = self._stage(memory.nbytes - done)
            staged = half.chunk.mapped
            assert staged is not None  # the ring is made of memory that the host reaches
            staged[start : start + count] = source[done : done + count]
            self.recorder.copy(half, start, buffer, memory.offset + done, count)
            done += count

    def download(self, memory: Memory, host: np.ndarray) -> None:
        self.downloads += 1
        self.downloaded += memory.nbytes
        chunk = memory.buffer.chunk
        if chunk.mapped is not None and (chunk.cached or memory.nbytes <= FEW):
            self.recorder.wait(memory.buffer.last_use)
            self.device.expect_usable()
            host[...] = memory.seen_by_host()
            return
        target = host.reshape(-1).view(np.uint8)
        done = 0
        while done < memory.nbytes:
            half, start, count = self._stage(memory.nbytes - done)
            self.recorder.copy(memory.buffer, memory.offset + done, half, start, count)
            self.recorder.wait(half.last_use)
            staged = half.chunk.mapped
            assert staged is not None
            target[done : done + count] = staged[start : start + count]
            done += count

    def _stage(self, nbytes: int) -> tuple[Buffer, int, int]:
        """A stretch of the ring that no work under way touches: half, offset, bytes."""
        if not self._halves:
            self._make_ring()
        half = self._halves[0]
        if half.nbytes - self._filled < min(nbytes, ALIGNMENT):
            self._halves.append(self._halves.pop(0))
            half = self._halves[0]
            self.recorder.wait(half.last_use)
            self._filled = 0
        count = min(nbytes, half.nbytes - self._filled)
        start = half.start + self._filled
        self._filled += -(-count // ALIGNMENT) * ALIGNMENT
        return half, start, count

    def _make_ring(self) -> None:
        chunk = Chunk(self.device, RING, self._pool.types, host=True)
        half = RING // 2
        self._halves = [Buffer(self._pool, chunk, start, half) for start in (0, half)]

"""Memory of the device: chunks that the driver gives, buffers cut from them, and what kernels see.

A driver allows few allocations (often 4096) and each is slow, so memory comes in chunks of 64 MiB,
one VkBuffer over each, and a `Buffer` is a stretch of one. A buffer that nobody holds any more may
still be in use by work that was handed to the device; it is handed out again only when the timeline
has passed its last use. `Memory` lays a shape over a buffer: the handle of the op protocol.

Memory that the host can reach (software, integrated and most new discrete devices) stays mapped for
life, and uploads write straight into it. Read next: `freelist.py`, then `transfer.py`.
"""

from __future__ import annotations

from itertools import count
from math import prod
from typing import Any, Protocol

import numpy as np

from rinzler.errors import BackendError
from rinzler.ops import ITEMSIZE
from rinzler_vulkan import constants as C
from rinzler_vulkan import vk
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.errors import OutOfDeviceMemory
from rinzler_vulkan.freelist import FreeList
from rinzler_vulkan.memorytypes import MemoryTypes, free_bytes

ALIGNMENT = 256  # bytes: the largest alignment of an offset that the specification allows
CHUNK = 64 << 20  # bytes
USAGE = (
    C.BUFFER_USAGE_STORAGE_BUFFER_BIT
    | C.BUFFER_USAGE_TRANSFER_SRC_BIT
    | C.BUFFER_USAGE_TRANSFER_DST_BIT
)
_serials = count(1)


class Chunk:
    """One VkBuffer on one allocation. `mapped` is its memory as bytes, None out of reach."""

    def __init__(self, device: LogicalDevice, nbytes: int, types: MemoryTypes, host: bool) -> None:
        self.serial = next(_serials)
        self.nbytes = nbytes
        self.free = FreeList(nbytes)
        self._device = device
        info = vk.struct("VkBufferCreateInfo", size=nbytes, usage=USAGE)
        self.handle = device.create("Buffer", info, keep=False)
        self.memory: Any = None
        try:
            self._allocate(device, types, host)
        except BackendError:
            self._destroy()
            raise
        self._number = device.own(self._destroy)

    def _allocate(self, device: LogicalDevice, types: MemoryTypes, host: bool) -> None:
        ffi = device.ffi
        needs = ffi.new("VkMemoryRequirements *")
        device.vk.vkGetBufferMemoryRequirements(device.handle, self.handle, needs)
        kind = types.choose(needs.memoryTypeBits, host, device.caps.direct)
        info = vk.struct(
            "VkMemoryAllocateInfo", allocationSize=needs.size, memoryTypeIndex=kind.index
        )
        out = ffi.new("VkDeviceMemory *")
        result = device.vk.vkAllocateMemory(device.handle, info, ffi.NULL, out)
        vk.check(result, f"allocating {self.nbytes / 2**20:.1f} MiB")
        self.memory = out[0]
        result = device.vk.vkBindBufferMemory(device.handle, self.handle, self.memory, 0)
        vk.check(result, "binding memory")
        self.cached = kind.cached  # the host reads it at full speed
        self.mapped: np.ndarray | None = None
        if kind.mappable and (host or device.caps.direct):
            address = ffi.new("void **")
            result = device.vk.vkMapMemory(device.handle, self.memory, 0, self.nbytes, 0, address)
            vk.check(result, "mapping memory")
            self.mapped = np.frombuffer(ffi.buffer(address[0], self.nbytes), np.uint8)

    def _destroy(self) -> None:
        self.mapped = None
        self._device.destroy("Buffer", self.handle)
        if self.memory is not None:
            self._device.vk.vkFreeMemory(self._device.handle, self.memory, self._device.ffi.NULL)

    def close(self) -> None:
        """Give the memory back to the driver."""
        destroy = self._device.disown(self._number)
        if destroy is not None:
            destroy()


class Buffer:
    """A stretch of a chunk. It returns to the pool with the last reference to it."""

    __slots__ = ("chunk", "last_use", "nbytes", "pool", "start")

    def __init__(self, pool: Pool, chunk: Chunk, start: int, nbytes: int) -> None:
        self.pool = pool
        self.chunk = chunk
        self.start = start  # bytes from the start of the chunk
        self.nbytes = nbytes
        self.last_use = 0  # value of the timeline when no work touches it any more

    def __del__(self) -> None:
        if hasattr(self, "last_use"):  # or Ctrl-C has left it half made
            self.pool.retired.append((self.last_use, self.chunk, self.start, self.nbytes))


class Finisher(Protocol):
    """Whoever can hand in and await all work that is still being recorded."""

    def finish(self) -> None: ...


class Pool:
    """All buffers of a device."""

    def __init__(self, device: LogicalDevice) -> None:
        self.device = device
        self.types = MemoryTypes.read(device)
        self.chunks: list[Chunk] = []
        self.retired: list[tuple[int, Chunk, int, int]] = []  # given back, maybe still in use
        self.finisher: Finisher | None = None

    def allocate(self, nbytes: int) -> Buffer:
        """Raises OutOfDeviceMemory with sizes."""
        self.device.expect_usable()
        nbytes = -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
        self._take_back()
        found = self._cut(nbytes)
        if found is not None:
            return found
        try:
            self.chunks.append(self._fresh(nbytes))
        except OutOfDeviceMemory as error:
            if self.retired and self.finisher is not None:
                self.finisher.finish()  # what is given back comes free when the work is done
                self._take_back()
            found = self._cut(nbytes)
            if found is None:
                raise self._no_room(nbytes) from error
            return found
        found = self._cut(nbytes)
        assert found is not None  # the chunk is at least that large
        return found

    def _cut(self, nbytes: int) -> Buffer | None:
        for chunk in self.chunks:
            start = chunk.free.allocate(nbytes)
            if start is not None:
                return Buffer(self, chunk, start, nbytes)
        return None

    def _fresh(self, nbytes: int) -> Chunk:
        """A new chunk: of the usual size, or just large enough where that is too much."""
        usual = min(CHUNK, self.types.largest_heap // 8)
        if nbytes < usual:
            try:
                return Chunk(self.device, usual, self.types, host=False)
            except OutOfDeviceMemory:
                pass
        return Chunk(self.device, nbytes, self.types, host=False)

    def _take_back(self) -> None:
        """Put what the device is done with on the free lists; empty chunks go to the driver."""
        if not self.retired:
            return
        waiting = []
        touched: dict[int, Chunk] = {}
        for row in self.retired:
            last_use, chunk, start, nbytes = row
            if self.device.is_reached(last_use):
                chunk.free.release(start, nbytes)
                touched[chunk.serial] = chunk
            else:
                waiting.append(row)
        self.retired[:] = waiting
        for chunk in touched.values():
            if chunk.free.is_whole and len(self.chunks) > 1:
                self.chunks.remove(chunk)
                chunk.close()

    def _no_room(self, nbytes: int) -> OutOfDeviceMemory:
        held = sum(chunk.nbytes for chunk in self.chunks)
        free = free_bytes(self.device)
        return OutOfDeviceMemory(
            f"{self.device.caps.name} has no room for {nbytes / 2**20:.1f} MiB in one piece: "
            f"{held / 2**20:.1f} MiB are held by this process, about {free / 2**20:.1f} MiB free. "
            "Use a smaller --batch-size, --context or --d-model"
        )


class Memory:
    """What kernels receive: a shape over a stretch of a buffer. Offsets are multiples of 256."""

    __slots__ = ("_seen", "buffer", "dtype", "nbytes", "offset", "shape", "size")

    def __init__(self, buffer: Buffer, offset: int, shape: tuple[int, ...], dtype: str) -> None:
        self.buffer = buffer
        self.offset = buffer.start + offset  # bytes from the start of the chunk
        self.shape = shape
        self.dtype = dtype
        self._seen: np.ndarray | None = None
        self.size = prod(shape)
        self.nbytes = self.size * ITEMSIZE[dtype]
        if offset % ALIGNMENT or offset + self.nbytes > buffer.nbytes:
            raise BackendError(
                f"{dtype}{shape} does not fit at byte {offset} of a buffer of {buffer.nbytes}, "
                f"or {offset} is no multiple of {ALIGNMENT}"
            )

    def seen_by_host(self) -> np.ndarray:
        """The memory itself, where its chunk is mapped; only for a device that is usable."""
        if self._seen is None:
            mapped = self.buffer.chunk.mapped
            assert mapped is not None
            part = mapped[self.offset : self.offset + self.nbytes]
            self._seen = part.view(self.dtype).reshape(self.shape)
        return self._seen

    def part(self, start: int, size: int) -> Memory:
        """`size` elements from element `start` on, as a vector; `start` is a multiple of 64."""
        offset = self.offset - self.buffer.start + start * ITEMSIZE[self.dtype]
        return Memory(self.buffer, offset, (size,), self.dtype)

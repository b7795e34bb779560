"""The Vulkan backend: storage and kernels of one device, behind the op protocol.

Every kernel is a function that returns `Call`s (`call.py`). Called eagerly, its calls are noted by
the recorder; in a captured step they become part of a program. Both come from the same function, so
a replay is the eager run, to the bit.

The kernels stand in files named as the op table's; ops that are missing here run as core's default.
Read next: `call.py`, then `elementwise.py`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rinzler.ops import Backend, Caps, Fact
from rinzler.ops.spec import Specs
from rinzler.ops.tape import Tape
from rinzler_vulkan import (
    activation,
    attention,
    elementwise,
    gather,
    loss,
    manifest,
    matmul,
    movement,
    normalization,
    random,
    reduce,
    sums,
    update,
)
from rinzler_vulkan.call import Kernel, as_list
from rinzler_vulkan.choosing import choose
from rinzler_vulkan.device import LogicalDevice
from rinzler_vulkan.facts import facts, numerics
from rinzler_vulkan.instance import Instance
from rinzler_vulkan.memory import ALIGNMENT, Buffer, Memory, Pool
from rinzler_vulkan.pipeline import Pipelines
from rinzler_vulkan.program import Program
from rinzler_vulkan.recorder import Recorder
from rinzler_vulkan.samples import SAMPLES, calls_of
from rinzler_vulkan.settings import Settings
from rinzler_vulkan.transfer import Transfers

# A family has KERNELS, and SUPPORTS where a kernel does not take all operands.
FAMILIES: tuple[Any, ...] = (
    elementwise,
    movement,
    reduce,
    matmul,
    gather,
    activation,
    normalization,
    attention,
    sums,
    loss,
    update,
    random,
)


class VulkanBackend(Backend):
    """One device: number `device` of the list, or the best, or what the settings name.

    Raises NoLoader, NoDriver, NoDevice, DeviceTooOld, ShaderMissing.
    """

    name = "vulkan"

    def __init__(self, settings: Settings | None = None, device: int | None = None) -> None:
        settings = settings or Settings.read()
        wished = bool(settings.device)  # by a person: a number may come from a list of all devices
        if device is not None:
            settings = replace(settings, device=str(device))
        shaders = manifest.installed()
        self.instance = Instance(settings.validate)
        self._close = weakref.finalize(self, _close, [self.instance])
        adapter = choose(self.instance.adapters(), settings.device)
        self.device = LogicalDevice(self.instance, adapter, settings)
        self._close.detach()
        self._close = weakref.finalize(self, _close, [self.device, self.instance])
        self.pool = Pool(self.device)
        self.pipelines = Pipelines(self.device, shaders)
        self.recorder = Recorder(self.device, self.pool, self.pipelines)
        self.transfers = Transfers(self.device, self.pool, self.recorder)
        software = adapter.kind == "software" and not wished
        text = self.device.caps.text
        self.caps = Caps(("float32", "int32"), ALIGNMENT, text, software=software)
        self.kernels: dict[str, Callable[..., None]] = {}
        self._plans: dict[Callable[..., None], Kernel] = {}
        self._supports: dict[str, Callable[..., bool]] = {}
        for family in FAMILIES:
            for op, kernel in family.KERNELS.items():
                self._add(op, kernel)
            self._supports.update(getattr(family, "SUPPORTS", {}))

    def _add(self, op: str, kernel: Kernel) -> None:
        plan = partial(kernel, self.device.caps)
        run = self.recorder.run

        def launch(*handles: Memory | None, **attrs: Any) -> None:
            run(op, as_list(plan(*handles, **attrs)))

        self.kernels[op] = launch
        self._plans[launch] = plan

    def alloc(self, nbytes: int) -> Buffer:
        """Raises OutOfDeviceMemory, a MemoryError, with sizes."""
        return self.pool.allocate(nbytes)

    def view(self, buffer: Buffer, offset: int, shape: tuple[int, ...], dtype: str) -> Memory:
        return Memory(buffer, offset, shape, dtype)

    def upload(self, handle: Memory, host: np.ndarray) -> None:
        self.transfers.upload(handle, host)

    def download(self, handle: Memory, host: np.ndarray) -> None:
        self.transfers.download(handle, host)

    def synchronize(self) -> None:
        self.recorder.finish()

    def compile(self, tape: Tape) -> Callable[[], None]:
        """The step as command buffers."""
        return Program(self.recorder, tape, self._plans)

    def facts(self) -> list[Fact]:
        plans = {op: self._plans[kernel] for op, kernel in self.kernels.items()}
        return facts(self.device, self.pool, plans)

    def numerics(self) -> dict[str, str]:
        return numerics(self.device)

    def warmup(self) -> dict[str, Callable[[], object]]:
        """Pipelines for operands of a typical size; they are kept on disk."""
        steps: dict[str, Callable[[], object]] = {}
        for op, kernel in self.kernels.items():
            if op in SAMPLES:
                steps[op] = partial(self.pipelines.prepare, calls_of(self._plans[kernel], op))
        return steps | {"writing them down": self.pipelines.keep}

    def supports(self, op: str, specs: Specs) -> bool:
        asked = self._supports.get(op)
        return asked is None or asked(self.device.caps, specs)

    def close(self) -> None:
        """Give the device back, now and not when the process ends. Nothing works after this."""
        self._close()


def _close(parts: list[Any]) -> None:
    """Device and instance; what is still in use, by a device that hangs or by a parent, stays."""
    for part in parts:
        if part.close() is False:
            return

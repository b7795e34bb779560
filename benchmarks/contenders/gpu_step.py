"""What a training step costs the host, and what it takes on the device.

Host work is the CPU time of the main thread: waiting costs none, and the driver's own threads are
not counted. Copies are counted by the backend where it counts them (`transfers`).
Read next: `gpu_kernels.py`.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from rinzler.config import TrainConfig
from rinzler.data import Batches
from rinzler.gpt import GPT, GPTConfig
from rinzler.ops import Device
from rinzler.optim import AdamW
from rinzler.step import Step

# What rinzler-train trains where nobody says otherwise: bytes and 500 merges.
DEFAULT = GPTConfig(vocab_size=756)
# 112,512 parameters, untied: the model that other Vulkan trainers were timed with.
SMALL = GPTConfig(vocab_size=65, context=64, layers=2, heads=4, tie_weights=False)
RECORDING = 2  # steps before the first replay


class Taken:
    """A trainer without text: random tokens, and a step that can be taken in its parts."""

    def __init__(self, device: Device, config: GPTConfig, batch_size: int) -> None:
        self.device = device
        model = GPT(config, seed=0, device=device)
        rng = np.random.default_rng(0)
        tokens = rng.integers(0, config.vocab_size, 100_000).astype(np.int32)
        self.batches = Batches(tokens, batch_size, config.context, seed=0)
        self.step = Step(model, AdamW(model, 1e-3), batch_size, clip_grad=1.0)
        self.parameters = sum(p.size for p in model.parameters().values())
        self.number = 0
        for _ in range(RECORDING + 2):
            self.take()

    def take(self) -> dict[str, float]:
        """One step: seconds of the main thread's CPU by part, and of the wall."""
        clock, wall = time.thread_time, time.perf_counter()
        start = clock()
        pair = self.batches.draw(self.number)
        drawn = clock()
        self.step.feed([pair])
        fed = clock()
        for value in self.step.captured():
            value.item()
        done = clock()
        self.number += 1
        return {
            "draw": drawn - start,
            "feed": fed - drawn,
            "replay": done - fed,
            "wall": time.perf_counter() - wall,
        }


def host(device: Device, steps: int, small: bool) -> dict[str, Any]:
    """The host's part of a replayed step of a model, in µs; copies per step.

    A driver that computes on the CPU empties the host's caches while it does, and more so in a long
    step: with it the small model shows better what Python has to do.
    """
    taken = Taken(device, SMALL, 1) if small else Taken(device, DEFAULT, TrainConfig().batch_size)
    before = counted(device)
    found = [taken.take() for _ in range(steps)]
    copies = {name: (count - before[name]) / steps for name, count in counted(device).items()}
    # Feeding, submitting and reading back: drawing can be done while the device works.
    found = [each | {"sum": each["feed"] + each["replay"]} for each in found]
    return {"us": {part: spread(found, part, 1e6) for part in found[0]}, "copies": copies}


def step(device: Device, steps: int) -> dict[str, Any]:
    """Milliseconds of a step of the small model, one sequence at a time."""
    taken = Taken(device, SMALL, batch_size=1)
    cpu = time.process_time()
    found = [taken.take() for _ in range(steps)]
    return {
        "parameters": taken.parameters,
        "ms": spread(found, "wall", 1e3),
        "cpu_ms": (time.process_time() - cpu) / steps * 1e3,  # of all threads, the driver's too
    }


def counted(device: Device) -> dict[str, int]:
    """What the backend has counted so far; nothing where it does not count."""
    transfers = getattr(device.backend, "transfers", None)
    names = ("uploads", "uploaded", "downloads", "downloaded")
    return {name: getattr(transfers, name) for name in names if hasattr(transfers, name)}


def spread(found: list[dict[str, float]], part: str, scale: float) -> dict[str, float]:
    """The least, which noise cannot add to, and the middle."""
    values = [each[part] * scale for each in found]
    return {"min": min(values), "median": statistics.median(values)}

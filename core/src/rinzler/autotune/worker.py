"""A candidate's own process: opens one backend, takes training steps, answers in JSON lines.

    python -P -m rinzler.autotune.worker

    → {"do": "open", "backend": "numba", "threads": 2}
    ← {"device": "x86_64, 2 threads …", "software": false, "seconds": 0.8, …}
    → {"do": "check", "workload": {…}, "steps": 3}       losses and norms of a fixed small batch
    → {"do": "prepare", "workload": {…}}                 builds the model, records the step
    → {"do": "measure", "seconds": 0.5, "least": 3}      seconds of each replayed step
    ← {"error": "…", "kind": "OutOfMemoryError"}         in place of any answer

Threads bind when libraries load, and a driver that fails may take its process along: so every
candidate has one, and it ends with its standard input. What a plugin prints goes to stderr.
Read next: `trial.py`, the other end.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from rinzler.autotune.workload import Workload
from rinzler.config import TrainConfig
from rinzler.data import Batches
from rinzler.gpt import GPT
from rinzler.ops import Backend, Device
from rinzler.optim import optimizer_of
from rinzler.plugins import open_device
from rinzler.plugins.apart import answers_alone
from rinzler.step import Step

CHECK_SEQUENCES = 2  # of the check: enough to have a batch
LOOKAHEAD = 4096  # random tokens to draw batches from, in contexts
RECORDED = 2  # steps before the first replay
WARM = 2  # replays before the first that counts


class Worker:
    """One backend, and at most one step on it."""

    def __init__(self) -> None:
        self.device: Device
        self.steps: Iterator[tuple[float, float]]

    def open(self, backend: str, threads: int | None) -> dict[str, Any]:
        begun = perf_counter()
        self.device = open_device(backend)
        inner = self.device.backend
        threaded = type(inner).set_threads is not Backend.set_threads
        if threads is not None and threaded:
            inner.set_threads(threads)
        return {
            "device": inner.caps.device_text,
            "software": inner.caps.software,
            "threaded": threaded,
            "dtypes": list(inner.caps.dtypes),
            "tunables": {name: list(values) for name, values in inner.tunables().items()},
            "seconds": perf_counter() - begun,
        }

    def check(self, workload: dict[str, Any], steps: int, dtype: str) -> dict[str, Any]:
        """Losses and gradient norms of the first steps, to be compared with another backend's."""
        plain = Workload.from_json(workload)
        changed = {**plain.to_json()["training"], "batch_size": CHECK_SEQUENCES, "accumulate": 1}
        small = Workload(plain.model, TrainConfig(**changed), dtype)
        taken = [pair for _, pair in zip(range(steps), _steps(self.device, small), strict=False)]
        return {"losses": [loss for loss, _ in taken], "norms": [norm for _, norm in taken]}

    def prepare(self, workload: dict[str, Any]) -> dict[str, Any]:
        """Everything that happens once: compiling, recording, planning."""
        begun = perf_counter()
        self.steps = _steps(self.device, Workload.from_json(workload))
        for _ in range(RECORDED + WARM):
            loss, _ = next(self.steps)
        self.device.synchronize()
        return {"seconds": perf_counter() - begun, "loss": loss}

    def measure(self, seconds: float, least: int) -> dict[str, Any]:
        """Seconds of each step, until `seconds` have gone by and at least so many are done."""
        times: list[float] = []
        begun = perf_counter()
        while len(times) < least or perf_counter() - begun < seconds:
            start = perf_counter()
            next(self.steps)  # reads its loss back: the device is done
            times.append(perf_counter() - start)
        return {
            "times": times,
            "peak": peak_memory(),
            "device_peak": self.device.memory.stats.peak,
        }


def _steps(device: Device, workload: Workload) -> Iterator[tuple[float, float]]:
    """(loss, gradient norm) of training steps without end, on tokens drawn at random."""
    context = workload.model.context
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, workload.model.vocab_size, LOOKAHEAD + 8 * context).astype(np.int32)
    training = workload.training
    model = GPT(workload.model, seed=0, device=device, dtype=workload.dtype)
    batches = Batches(tokens, training.batch_size, context, training.seed)
    step = Step(
        model,
        optimizer_of(model, training),
        training.batch_size,
        training.accumulate,
        training.clip_grad,
    )
    number = 0
    while True:
        yield step([batches.draw(number, micro) for micro in range(training.accumulate)])
        number += 1


def peak_memory() -> int | None:
    """The most bytes that this process had in memory at one time; None where nobody counts."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else int(most) * 1024


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer line by line, errors too, until there are no more."""
    worker = Worker()
    actions: dict[str, Callable[..., dict[str, Any]]] = {
        "open": worker.open,
        "check": worker.check,
        "prepare": worker.prepare,
        "measure": worker.measure,
    }
    for line in requests:
        request = json.loads(line)
        try:
            answer = actions[request.pop("do")](**request)
        except Exception as error:  # whatever a backend raises is the answer
            answer = {"error": str(error) or type(error).__name__, "kind": type(error).__name__}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Answer until standard input ends. Ctrl-C is for the one who asks, and who ends this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin, answers_alone())


if __name__ == "__main__":
    main()

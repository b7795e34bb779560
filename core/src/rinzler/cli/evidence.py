"""The second half of `--verify-resume`: some steps, all they lead to as digests, in any process.

`rest_of` takes steps and makes of everything that a run has by then one SHA-256 for each part. Run
as a program, this module goes on with a run folder as `--resume` would, in a process that has seen
nothing of it, and prints the same digests.
Read next: `verify.py`, which compares the two.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from rinzler.cli import resume
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.request import TrainRequest
from rinzler.cli.streams import say
from rinzler.errors import EXIT_OK, RinzlerError
from rinzler.restore import split_tensors

SAMPLE = 16  # tokens to write at the end

Digests = dict[str, str]


def rest_of(trainer: AttendedTrainer, steps: int) -> Digests:
    """Take so many steps; the SHA-256 of each part of what has become of the run."""
    taken = [trainer.step() for _ in range(steps)]
    saved = trainer.snapshot()
    weights, moments = split_tensors(saved)
    batch = trainer.batches.draw(trainer.steps)
    course = [[event.step, event.loss.hex(), event.grad_norm.hex(), event.lr] for event in taken]
    return {
        "weights": _of_arrays(weights),
        "moments": _of_arrays(moments),
        "steps": _of_json(course),  # losses, norms, rates
        "state": _of_json(saved.meta),  # the plan of the rate, monitors, what computes, …
        "batch": _of_arrays({"inputs": batch[0], "targets": batch[1]}),  # the next one
        "validation": _of_json(trainer.evaluate().loss.hex()),
        "sample": _of_json(trainer.sample(SAMPLE).text),
    }


def question(request: TrainRequest, folder: str, steps: int) -> str:
    """What another process has to be told."""
    return json.dumps(
        {
            "resume": folder,
            "steps": steps,
            "backend": request.backend,
            "device": request.device,
            "threads": request.threads,
            "capture": request.capture,
        }
    )


def _of_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    def parts() -> Iterable[bytes]:
        for name, array in sorted(arrays.items()):
            yield f"{name} {array.dtype.str} {array.shape}\n".encode()
            yield array.tobytes()

    return _digest(parts())


def _of_json(value: Any) -> str:
    return _digest([json.dumps(value, sort_keys=True, allow_nan=False).encode("utf-8")])


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def main(asked: str) -> int:
    """Answer a `question` on stdout."""
    question = json.loads(asked)
    steps = question.pop("steps")
    request = TrainRequest(quiet=True, plain=True, **question)
    with ExitStack() as held:
        try:
            trainer = resume.prepare(request, held).trainer
            answer = rest_of(trainer, steps)
        except RinzlerError as error:
            say(f"error: {error}")
            return error.exit_code
    sys.stdout.write(json.dumps(answer) + "\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

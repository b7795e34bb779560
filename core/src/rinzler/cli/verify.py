"""`rinzler-train --verify-resume`: proof, on this machine, that a resumed run is the same run.

It takes some steps, saves a checkpoint, and takes some more. Then another process loads that
checkpoint, as `--resume` does, and takes the same steps. If all that both have by then is equal to
the last bit, resuming is exact here, with this model, text and backend. Everything happens in a
folder for temporary files, which is gone at the end; a run named by `--resume` is only read.
Leaves out: what is compared (`evidence.py`). Read next: `train.py`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from rinzler.cli import resume, rundir
from rinzler.cli.attended import AttendedTrainer
from rinzler.cli.evidence import Digests, question, rest_of
from rinzler.cli.found import find_checkpoint
from rinzler.cli.invocation import Invocation
from rinzler.cli.lines import aligned
from rinzler.cli.plan import Plan, prepare, settings
from rinzler.cli.request import TrainRequest
from rinzler.cli.signals import Interrupted, StopRequest
from rinzler.cli.streams import say_if_slow
from rinzler.cli.words import plural
from rinzler.errors import EXIT_ENVIRONMENT, EXIT_OK, CheckpointError, ConfigError
from rinzler.train import save

STEPS = 10  # before the checkpoint, and after it; the first two are recorded, then replayed
SECONDS = 15.0  # a slow model takes no more steps than fit into this, but at least LEAST
LEAST = 3
WAITING = "training for some steps, here and then in another process; it may take a minute"
PARTS = {
    "weights": "all parameters",
    "moments": "what the optimizer remembers",
    "steps": "losses, gradient norms and rates",
    "state": "the settings, the plan of the rate, the monitors",
    "batch": "the batch that comes next",
    "validation": "the loss on validation text",
    "sample": "what the model writes",
}


@dataclass(frozen=True)
class Proof:
    """What two ways to the same step have led to."""

    backend: str  # "numpy · x86_64, 2 threads, …"
    saved: int  # the step of the checkpoint
    steps: int  # taken after it
    straight: Digests  # of the run that went on
    resumed: Digests  # of the one that was loaded

    @property
    def different(self) -> list[str]:
        return [part for part in PARTS if self.straight.get(part) != self.resumed.get(part)]


def verify_resume(request: TrainRequest) -> int:
    """Print what was compared and the verdict; 0 if all is equal, else 3. Raises RinzlerError."""
    begun = perf_counter()
    with StopRequest(lambda name: None) as stop:
        try:
            with say_if_slow(WAITING), stop.anywhere():
                proof = _prove(request)
        except Interrupted:
            return stop.exit_code
    show = _as_json if request.json else _as_lines
    sys.stdout.write(show(proof, perf_counter() - begun))
    return EXIT_ENVIRONMENT if proof.different else EXIT_OK


def _prove(request: TrainRequest) -> Proof:
    with tempfile.TemporaryDirectory(prefix="rinzler-verify-") as home:
        folder = Path(home, "run")
        trainer, plan = _go_on(request, folder) if request.resume else _begin(request, folder)
        _check_left(trainer)
        _take(trainer, most=trainer.config.steps - trainer.steps - 1)
        save(trainer, folder)
        saved = trainer.steps
        steps = min(max(1, saved - plan.done), trainer.config.steps - saved)
        straight = rest_of(trainer, steps)
        resumed = _resumed(request, folder, steps)
    backend = " · ".join(filter(None, (plan.backend.name, plan.device_text)))
    return Proof(backend, saved, steps, straight, resumed)


def _begin(request: TrainRequest, folder: Path) -> tuple[AttendedTrainer, Plan]:
    """A new run in a folder."""
    trainer, plan = prepare(replace(request, run_dir=str(folder)))
    rundir.write_settings(folder, settings(plan, request, Invocation.of_this_process()))
    return trainer, plan


def _go_on(request: TrainRequest, folder: Path) -> tuple[AttendedTrainer, Plan]:
    """A run as it stands, in a copy of its newest checkpoint."""
    found = find_checkpoint(str(request.resume), request.strict)
    folder.mkdir()
    for path in (found.folder / rundir.CONFIG, found.path):
        if path.exists():  # or `prepare` will say what is missing
            shutil.copy(path, folder)
    with ExitStack() as held:
        ready = resume.prepare(replace(request, resume=str(folder)), held)
        ready.begin()  # config.json with what was typed now
    return ready.trainer, ready.plan


def _check_left(trainer: AttendedTrainer) -> None:
    left = trainer.config.steps - trainer.steps
    if left < 2:
        raise ConfigError(
            f"there is {plural(left, 'step')} left to take, and --verify-resume needs at least 2: "
            "one before a checkpoint, one after. Give more --steps"
        )


def _take(trainer: AttendedTrainer, most: int) -> None:
    """Some steps, as many as are worth waiting for."""
    begun = perf_counter()
    for number in range(min(STEPS, most)):
        if number >= LEAST and perf_counter() - begun > SECONDS:
            return
        trainer.step()


def _resumed(request: TrainRequest, folder: Path, steps: int) -> Digests:
    """The same steps from the checkpoint in `folder`, in a process of their own."""
    command = [sys.executable, "-P", "-m", "rinzler.cli.evidence"]
    asked = question(request, str(folder), steps)
    ended = subprocess.run(
        [*command, asked], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if ended.returncode:
        words = ended.stderr.strip().splitlines() or ["it said nothing"]
        raise CheckpointError(
            f"the process that went on from the checkpoint ended with code {ended.returncode}: "
            f"{words[-1].removeprefix('error: ')}. See what there is: rinzler doctor"
        )
    answer: Digests = json.loads(ended.stdout)
    return answer


def _as_lines(proof: Proof, seconds: float) -> str:
    more = f"{plural(proof.steps, 'step')} more"
    lines = [
        ("backend", proof.backend),
        ("one way", f"a checkpoint after step {proof.saved:,}, and in the same process {more}"),
        ("the other", f"the checkpoint loaded by another process, and {more}"),
    ]
    for part, words in PARTS.items():
        same = part not in proof.different
        digest = f"SHA-256 {proof.straight[part][:16]}…" if same else "NOT the same"
        lines.append((part, f"{digest} · {words}"))
    lines.append(("verdict", f"{_verdict(proof)} ({seconds:.1f} s)"))
    return "".join(f"{aligned(line)}\n" for line in lines)


def _verdict(proof: Proof) -> str:
    if not proof.different:
        return "a resumed run is the same run, to the last bit"
    names = ", ".join(proof.different)
    return (
        f"a resumed run is NOT the same run here: {names} differ. It goes on, but for rounding; "
        "see what computes: rinzler doctor"
    )


def _as_json(proof: Proof, seconds: float) -> str:
    record: dict[str, Any] = {
        "event": "verify",
        "exact": not proof.different,
        "different": proof.different,
        "backend": proof.backend,
        "checkpoint_step": proof.saved,
        "steps": proof.steps,
        "seconds": seconds,
        "sha256": {"straight": proof.straight, "resumed": proof.resumed},
    }
    return json.dumps(record) + "\n"

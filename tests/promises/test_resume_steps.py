"""Stopping after any step and going on gives the bits of never having stopped: step by step.

A course is one run that is not disturbed; a checkpoint file is kept after each of its steps. Then,
for each k, everything is made anew (device, model from another seed, optimizer, trainer), loads the
file of step k and takes one step: the file of that has to be the file of step k + 1, byte for byte.
If that holds for each k, it holds for any number of stops (by induction; `test_resume_runs.py` has
whole runs). The file holds weights, moments, settings with the plan of the rate, the recent losses,
the best validation; batches and dropout show in the weights. The course replays a captured step,
who resumes takes an eager one.
Leaves out: metrics and the folder. Read next: `test_resume_runs.py`.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rinzler import checkpoint
from rinzler.checkpoint import FileSystem
from rinzler.config import GPTConfig, TrainConfig
from rinzler.data import Batches, ByteTokenizer, Split, split
from rinzler.gpt import GPT
from rinzler.nn.dropout import DropoutKey
from rinzler.ops import Device
from rinzler.optim import Optimizer
from rinzler.plugins import open_device
from rinzler.schedule import WAYS, replanned
from rinzler.train import validate
from rinzler.trainer import Trainer

SHAPE = GPTConfig(vocab_size=256, context=8, d_model=8, layers=1, heads=2, dropout=0.1)
PLAN = TrainConfig(
    **{"steps": 200, "batch_size": 2, "accumulate": 2, "lr": 1e-2, "min_lr": 1e-3},
    **{"warmup_steps": 20, "cosine": True, "eval_every": 9, "eval_windows": 4, "seed": 5},
)
WIDE = replace(SHAPE, context=64, d_model=64)  # whose products are worth cutting into blocks
SHORT = replace(PLAN, steps=12, warmup_steps=3, eval_every=5)
PLANS = {
    "constant": replace(SHORT, cosine=False, warmup_steps=0, min_lr=0.0),
    "warmup": replace(SHORT, cosine=False, min_lr=0.0),
    "cosine": SHORT,
    **{way: replanned(replace(SHORT, steps=8), 12, 5, way) for way in WAYS},
}


class NoSync(FileSystem):
    """Nobody cuts the power here."""

    def fsync(self, descriptor: int) -> None:
        """Nothing."""

    def sync_directory(self, directory: Path) -> None:
        """Nothing."""


def text() -> Split:
    verse = "the quick brown fox jumps over the lazy dog, näive and ünder the rain.\n"
    return split([("verse", verse * 20)], 0.2, ByteTokenizer())


def fresh(backend: str, plan: TrainConfig, shape: GPTConfig, seed: int) -> Trainer:
    """A trainer of which nothing has been used before."""
    device = Device(open_device(backend).backend)
    return Trainer(GPT(shape, seed=seed, device=device), ByteTokenizer(), text(), plan)


class Course:
    """An undisturbed run in `folder`, and how to take each of its steps anew."""

    def __init__(
        self, backend: str, plan: TrainConfig, folder: Path, shape: GPTConfig = SHAPE
    ) -> None:
        self.backend, self.plan, self.folder, self.shape = backend, plan, folder, shape
        folder.mkdir(exist_ok=True)
        run = fresh(backend, plan, shape, plan.seed)
        self.keep(run, self.file(0))
        for step in range(1, plan.steps + 1):
            run.step()
            self.keep(run, self.file(step))
            self.after(run)
        assert run.captured is not None or plan.steps < 3
        self.end = run

    def file(self, step: int) -> Path:
        return checkpoint.path_for_step(self.folder, step)

    def keep(self, run: Trainer, path: Path) -> None:
        checkpoint.save(path, run.snapshot(), NoSync())

    def after(self, run: Trainer) -> None:
        """What a run does between two steps, where it is due."""
        if run.steps % self.plan.eval_every == 0 and run.steps < self.plan.steps:
            list(validate(run, None))

    def resumed(self, step: int) -> Trainer:
        """A run that was loaded after a step, and is about to take the next."""
        run = fresh(self.backend, self.plan, self.shape, seed=99)
        run.restore(checkpoint.load(self.file(step)))
        if step:
            self.after(run)  # it was due when the run stopped
        return run

    def same(self, step: int) -> bool:
        """Load a step, take the next, and compare all bytes with those of the course."""
        run = self.resumed(step)
        run.step()
        again = self.folder / "again.safetensors"
        self.keep(run, again)
        return again.read_bytes() == self.file(step + 1).read_bytes()


@pytest.mark.promise("resume is exact after each of 200 steps", at_least=200)
def test_every_step_of_adamw_with_a_cosine_and_dropout(
    backend: str, tmp_path: Path, count: Callable[..., None]
) -> None:
    course = Course(backend, PLAN, tmp_path / "course")
    for step in range(PLAN.steps):
        assert course.same(step), f"step {step + 1} after loading step {step}"
        count()
    for name, values in course.end.model.state().items():
        assert np.isfinite(values).all(), name


@pytest.mark.promise(
    "resume is exact with every optimizer and course of the rate", at_least=90, long=330
)
def test_every_optimizer_on_every_plan(
    backend: str, tmp_path: Path, count: Callable[..., None], long: bool
) -> None:
    for number, optimizer in enumerate(("adamw", "adam", "rmsprop", "momentum", "sgd")):
        for name, plan in PLANS.items():
            course = Course(backend, replace(plan, optimizer=optimizer), tmp_path / "course")
            steps = range(1, plan.steps) if long else (1 + number, 5, 11)
            for step in steps:
                assert course.same(step), f"{optimizer}, {name}: step {step + 1} after {step}"
                count()
        gc.collect()  # devices, with all that they hold


@pytest.mark.parametrize("backend", ["numpy", "numba"], indirect=True)  # no other has threads
@pytest.mark.promise("resume is exact on another number of threads", at_least=24)
def test_other_numbers_of_threads(
    backend: str, tmp_path: Path, count: Callable[..., None], threads: Callable[[int], None]
) -> None:
    threads(1)
    course = Course(backend, replace(SHORT, batch_size=8), tmp_path / "course", WIDE)
    for number in (2, 1):
        threads(number)
        for step in range(SHORT.steps):
            assert course.same(step), f"step {step + 1} on {number} threads"
            count()


@pytest.fixture
def threads(backend: str) -> Iterator[Callable[[int], None]]:
    """Sets the number of threads, and sets it back."""
    asked = open_device(backend).backend
    before = _threads_of(asked)
    yield asked.set_threads
    asked.set_threads(before)


def _threads_of(asked: Any) -> int:
    words = asked.caps.device_text.replace(",", " ").split()
    return int(words[next(k for k, word in enumerate(words) if word.startswith("thread")) - 1])


# --- in another process -----------------------------------------------------------------------

CHILD = """
import json, sys
from pathlib import Path
from rinzler import checkpoint
from rinzler.config import TrainConfig
from rinzler.data import ByteTokenizer, Split, split
from rinzler.plugins import open_device
from rinzler.restore import described
from rinzler.gpt import GPT
from rinzler.trainer import Trainer

backend, verse, folder, *steps = json.loads(sys.argv[1])
for step in steps:
    saved = checkpoint.load(checkpoint.path_for_step(Path(folder), step))
    shape, tokenizer, dtype = described(saved)
    data = split([("verse", verse)], 0.2, tokenizer)
    plan = TrainConfig.from_json(saved.meta["training"])
    model = GPT(shape, seed=7, device=open_device(backend), dtype=dtype)
    run = Trainer(model, tokenizer, data, plan)
    run.restore(saved)
    run.step()
    run.step()
    checkpoint.save(Path(folder) / f"child-{step + 2}.safetensors", run.snapshot())
"""


@pytest.mark.promise("resume is exact in another process", at_least=3, long=22)
def test_in_a_process_of_its_own(
    backend: str, tmp_path: Path, count: Callable[..., None], long: bool
) -> None:
    plan = replace(PLAN, steps=24, eval_every=100)
    course = Course(backend, plan, tmp_path / "course")
    verse = "the quick brown fox jumps over the lazy dog, näive and ünder the rain.\n" * 20
    for steps in [[step] for step in range(22)] if long else [[1, 9, 21]]:
        words = json.dumps([backend, verse, str(course.folder), *steps])
        subprocess.run([sys.executable, "-c", CHILD, words], check=True, timeout=120)
        for step in steps:
            child = course.folder / f"child-{step + 2}.safetensors"
            assert child.read_bytes() == course.file(step + 2).read_bytes(), f"from step {step}"
            count()


# --- the harness can fail ---------------------------------------------------------------------


def forgets_moments(patch: pytest.MonkeyPatch) -> None:
    def load_state(self: Optimizer, arrays: object, steps: int) -> None:
        self.steps = steps

    patch.setattr(Optimizer, "load_state", load_state)


def forgets_the_count(patch: pytest.MonkeyPatch) -> None:
    load = Optimizer.load_state
    patch.setattr(Optimizer, "load_state", lambda self, arrays, steps: load(self, arrays, 0))


def drops_out_others(patch: pytest.MonkeyPatch) -> None:
    feed = DropoutKey.feed
    patch.setattr(DropoutKey, "feed", lambda self, step, micros=1: feed(self, step + 1, micros))


def reads_other_batches(patch: pytest.MonkeyPatch) -> None:
    draw = Batches.draw
    patch.setattr(Batches, "draw", lambda self, step, micro=0: draw(self, step - 1, micro))


def rounds_a_weight(patch: pytest.MonkeyPatch) -> None:
    """One bit, the last, of one number."""
    load = GPT.load

    def rounded(self: GPT, values: Any) -> None:
        scale = values["ln_f.weight"].copy()
        scale.view(np.int32)[3] ^= 1
        load(self, {**values, "ln_f.weight": scale})

    patch.setattr(GPT, "load", rounded)


def forgets(entry: str) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        restore = Trainer.restore

        def forgetful(self: Trainer, saved: checkpoint.Checkpoint) -> None:
            meta = {name: value for name, value in saved.meta.items() if name != entry}
            restore(self, checkpoint.Checkpoint(saved.tensors, meta))

        patch.setattr(Trainer, "restore", forgetful)

    plant.__name__ = f"forgets_{entry}"
    return plant


PLANTED = (
    *(forgets_moments, forgets_the_count, drops_out_others, reads_other_batches),
    *(rounds_a_weight, forgets("recent_losses"), forgets("recent_norms"), forgets("best")),
)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_seen(
    plant: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    course = Course("numpy", SHORT, tmp_path / "course")
    assert course.same(11)
    plant(monkeypatch)
    assert not course.same(11)


def test_a_rate_off_by_a_step_is_seen(tmp_path: Path) -> None:
    course = Course("numpy", SHORT, tmp_path / "course")
    course.plan = replace(SHORT, warmup_steps=4)
    run = course.resumed(5)
    run.step()
    weights = checkpoint.load(course.file(6)).tensors
    assert any((weights[name] != values).any() for name, values in run.model.state().items())

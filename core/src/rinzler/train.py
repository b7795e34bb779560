"""Rung 6f: training, as a library.

`train` drives a `Trainer` to its last step and yields an event for whatever happened, which a
command prints, a test collects and a notebook plots; it prints nothing itself. In between it
validates, writes samples and saves.
Leaves out: the run folder and the terminal (`cli/`). Read next: `plugins/`, where speed comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rinzler import checkpoint
from rinzler.errors import CheckpointError, DivergenceError
from rinzler.events import Event, NotSaved, Saved
from rinzler.files import FILES, FileSystem
from rinzler.guard import expect_finite
from rinzler.trainer import Trainer


def train(trainer: Trainer, folder: Path | None = None) -> Iterator[Event]:
    """Run to the last step, yielding events; checkpoints go to `folder` if one is given.

    A save on the way that fails is an event, for it costs the run nothing yet. At the end the last
    one is tried once more, and raises CheckpointError if there is still no room for it.
    """
    config = trainer.config
    told = trainer.captured is not None
    saved: Saved | NotSaved | None = None
    while trainer.steps < config.steps:
        yield trainer.step()
        if not told and trainer.captured is not None:
            told = True
            yield trainer.captured
        done, last = trainer.steps, trainer.steps == config.steps
        # Saved first: a validation may take long, and nothing done so far may hang on it.
        saved = None
        if folder is not None and (last or _due(done, config.save_every)):
            saved = save_or_tell(trainer, folder)
            yield saved
        if last or _due(done, config.eval_every):
            yield from validate(trainer, None if isinstance(saved, Saved) else folder)
        if _due(done, config.gen_every) and not last:
            yield trainer.sample()
    yield trainer.sample()
    if folder is not None and isinstance(saved, NotSaved):
        yield save(trainer, folder)


def validate(trainer: Trainer, folder: Path | None) -> Iterator[Event]:
    """Validate, and what follows from it: a checkpoint of the best so far, the divergence monitor.

    `folder` is None where this step is saved already. Raises DivergenceError, after saving, for a
    gap above `div_crit`.
    """
    last = trainer.steps >= trainer.config.steps
    evaluated = trainer.evaluate(final=last)
    before = trainer.best
    # Judged before anybody hears of it: a listener may stop the run here, and its save must know.
    better = not last and trainer.judge(evaluated.step, evaluated.loss)
    yield evaluated
    found = trainer.divergence(evaluated)
    if found is not None:
        yield found
    critical = found is not None and found.critical
    if folder is not None and (better or critical):
        saved = save_or_tell(trainer, folder)
        if better and isinstance(saved, NotSaved):
            trainer.best = before  # whose checkpoint is there, and has to stay
        yield saved
    if found is None or not found.critical:
        return
    raise DivergenceError(
        f"stopped at step {found.step}: validation loss {found.val_loss:.3f} lies {found.gap:.0f} "
        f"% above training loss {found.train_loss:.3f}, div_crit is {trainer.config.div_crit:g} %. "
        "The model learns its text by heart: add text, or --dropout 0.1, or a smaller --d-model"
    )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def save_or_tell(trainer: Trainer, folder: Path) -> Saved | NotSaved:
    """`save`, where a full disk must not cost the steps that are done: an event, not an error."""
    try:
        return save(trainer, folder)
    except CheckpointError as error:
        path = checkpoint.path_for_step(folder, trainer.steps)
        return NotSaved(trainer.steps, path, str(error))


def save(trainer: Trainer, folder: Path, files: FileSystem = FILES) -> Saved:
    """Write a checkpoint of the run as it stands; then older ones go, but for the best one.

    Raises CheckpointError, or NumericsError for weights that are not finite.
    """
    step = trainer.steps
    path = checkpoint.path_for_step(folder, step)
    snapshot = trainer.snapshot()
    expect_finite(f"{path} was not saved", snapshot.tensors)
    size = checkpoint.save(path, snapshot, files)
    best = trainer.best[0] if trainer.best else None
    notes: list[str] = []
    last = trainer.config.keep_last
    checkpoint.retain(folder, last, best, files, saved=step, tell=notes.append)
    free = files.free(folder)
    if step < trainer.config.steps and free is not None and free < size:
        notes.append(
            f"the next checkpoint will not fit: {free / 1e6:.3g} MB are free at {folder}, "
            f"{size / 1e6:.3g} MB are needed. Free some space there"
        )
    return Saved(step, path, size, tuple(notes))

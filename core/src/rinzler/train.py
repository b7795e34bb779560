"""Rung 6e: training, as a library.

`Trainer` owns one run's model, optimizer and batches, and takes one step at a time (`step.py`).
`train` drives it and yields an event for whatever happened, which a command prints, a test collects
and a notebook plots; it prints nothing itself.

Step k is a function of the weights and of (seed, k): batches, dropout and rate need no history. So
a run that stopped goes on with the same bits from its checkpoint.
Leaves out: the run folder and the terminal (`cli/`). Read next: `plugins/`, where speed comes from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from time import perf_counter

from rinzler import checkpoint
from rinzler.checkpoint import Checkpoint
from rinzler.config import Sampling, TrainConfig
from rinzler.data import Batches, Split, Tokenizer
from rinzler.errors import CheckpointError, DivergenceError, NumericsError
from rinzler.events import (
    CapturedStep,
    Diverging,
    Evaluated,
    Event,
    NotSaved,
    Sampled,
    Saved,
    Stepped,
)
from rinzler.files import FILES, FileSystem
from rinzler.generate import generate
from rinzler.gpt import GPT
from rinzler.guard import expect_finite, explain_step
from rinzler.monitor import KEPT, divergence, spike
from rinzler.numerics import numerics_of
from rinzler.optim import Optimizer, optimizer_of
from rinzler.restore import OPTIMIZER_PREFIX, Progress, check_dtype, split_tensors
from rinzler.schedule import Cosines, LinearWarmup, Schedule, curves_of
from rinzler.step import Step
from rinzler.validation import mean_loss

RECENT = 50  # steps whose mean loss is "the training loss" beside a validation


class Trainer:
    """One run: a model, its optimizer, its batches, and how many steps are done."""

    def __init__(
        self,
        model: GPT,
        tokenizer: Tokenizer,
        data: Split,
        config: TrainConfig,
        capture: bool = True,
    ) -> None:
        self.model = model
        # Dropout is of the run, like its batches: whatever seed the weights once came from.
        model.dropout_key.seed = config.seed
        self.tokenizer = tokenizer
        self.data = data
        self.config = config
        self.capture = capture
        context = model.config.context
        self.batches = Batches(data.train, config.batch_size, context, config.seed)
        self.optimizer = scheduled(optimizer_of(model, config), config)
        self.update = Step(
            model, self.optimizer, config.batch_size, config.accumulate, config.clip_grad, capture
        )
        self.recent: deque[float] = deque(maxlen=RECENT)  # losses of the last steps
        self.norms: deque[float] = deque(maxlen=KEPT)  # of the last gradients
        self.spiked: int | None = None  # the last step whose norm was reported
        self.best: tuple[int, float] | None = None  # (step, loss) of the lowest validation
        self.numerics = numerics_of(model)

    @property
    def steps(self) -> int:
        """Updates done."""
        return self.optimizer.steps

    @property
    def tokens_per_step(self) -> int:
        return self.config.batch_size * self.config.accumulate * self.model.config.context

    def step(self) -> Stepped:
        """One update. Raises NumericsError, with the weights as they were, if it is not finite."""
        start = perf_counter()
        number = self.steps
        lr = self.optimizer.lr
        micros = range(self.config.accumulate)
        pairs = [self.batches.draw(number, micro) for micro in micros]
        loss, norm = self.update(pairs)
        if not (isfinite(loss) and isfinite(norm)):
            raise NumericsError(
                f"step {number + 1}: the loss is {loss:.4g} and the gradient's norm {norm:.4g}; "
                f"the weights were left as they were. {explain_step(self.update, pairs)}. Try a "
                f"lower --lr (now {lr:.3g}) or more --warmup-steps (now {self.config.warmup_steps})"
            )
        self.recent.append(loss)
        unusual = spike(number + 1, norm, self.norms, self.spiked)
        self.norms.append(norm)
        self.spiked = number + 1 if unusual else self.spiked
        seconds = perf_counter() - start
        return Stepped(number + 1, loss, lr, norm, self.tokens_per_step / seconds, unusual)

    @property
    def captured(self) -> CapturedStep | None:
        """What the capture came to, once there is a tape to replay."""
        summary = self.update.captured.summary
        if summary is None:
            return None
        return CapturedStep(self.steps, summary.calls, summary.arena, summary.unplanned)

    def evaluate(self, final: bool = False) -> Evaluated:
        """The mean loss over validation text: all of it, or windows spread evenly through it."""
        most = None if final else self.config.eval_windows
        loss, count = mean_loss(self.model, self.data.val, self.config.batch_size, most)
        self.model.train()
        return Evaluated(self.steps, loss, count, final)

    def divergence(self, evaluated: Evaluated) -> Diverging | None:
        """What is wrong, as far as this validation shows it."""
        return divergence(
            evaluated,
            sum(self.recent) / len(self.recent),
            self.best[1] if self.best else None,
            self.model.config.initial_loss,
            warmup=self.config.warmup_steps,
            warn=self.config.div_warn,
            crit=self.config.div_crit,
        )

    def judge(self, step: int, loss: float) -> bool:
        """Whether a validation in the course of training is the best so far; if so, remember it.

        The final one is no candidate: it reads all of the text, and so measures something else.
        """
        if self.best is not None and loss >= self.best[1]:
            return False
        self.best = (step, loss)
        return True

    def sample(self, tokens: int = 256, temperature: float = 0.8) -> Sampled:
        """Some text, the same for the same step and seed."""
        sampling = Sampling(tokens=tokens, temperature=temperature, seed=self.config.seed)
        pieces = generate(self.model, self.tokenizer, "\n", sampling, self.capture)
        return Sampled(self.steps, "".join(pieces))

    def snapshot(self) -> Checkpoint:
        """All that a later process needs to go on with the same bits, or to generate."""
        tensors = dict(self.model.state())
        for name, array in self.optimizer.state_arrays().items():
            tensors[OPTIMIZER_PREFIX + name] = array
        meta = {
            "step": self.steps,
            "model": self.model.config.to_json(),
            "dtype": self.model.dtype,
            "tokenizer": self.tokenizer.to_json(),
            "training": self.config.to_json(),
            "numerics": self.numerics,
            "recent_losses": list(self.recent),
            "recent_norms": list(self.norms),
            "spiked": self.spiked,
            "best": list(self.best) if self.best else None,
            "data": {"train_tokens": len(self.data.train), "val_tokens": len(self.data.val)},
        }
        return Checkpoint(tensors, meta)

    def restore(self, saved: Checkpoint) -> None:
        """Go on from a snapshot. Raises CheckpointError, NumericsError, with nothing changed."""
        expect_finite("this checkpoint", saved.tensors)
        weights, moments = split_tensors(saved)
        check_dtype(saved, self.model.dtype)
        progress = Progress.of(saved)
        self.model.check(weights)
        self.optimizer.load_state(moments, progress.steps)
        self.model.load(weights)
        self.recent.clear()
        self.recent.extend(progress.recent)
        self.norms.clear()
        self.norms.extend(progress.norms)
        self.spiked = progress.spiked
        self.best = progress.best


def scheduled(optimizer: Optimizer, config: TrainConfig) -> Schedule:
    """The rate as the settings describe it."""
    if config.cosine:
        return Cosines(optimizer, curves_of(config), config.min_lr)
    return LinearWarmup(optimizer, config.warmup_steps)


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

"""Rung 6e: one run, a step at a time.

`Trainer` owns a run's model, optimizer and batches, takes steps (`step.py`), validates, writes a
sample, and can be put into a checkpoint and out of one.

Step k is a function of the weights and of (seed, k): batches, dropout and rate need no history. So
a run that stopped goes on with the same bits from its checkpoint.
Leaves out: when to do what. Read next: `train.py`, which decides that.
"""

from __future__ import annotations

from collections import deque
from math import isfinite
from time import perf_counter

from rinzler.checkpoint import Checkpoint
from rinzler.config import Sampling, TrainConfig
from rinzler.data import Batches, Split, Tokenizer
from rinzler.errors import NumericsError
from rinzler.events import CapturedStep, Diverging, Evaluated, Sampled, Stepped
from rinzler.generate import Decoders, generate
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
        decoders = Decoders(self.model, self.capture)  # not kept: training needs the memory
        pieces = generate(self.model, self.tokenizer, "\n", sampling, decoders)
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

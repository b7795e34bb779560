"""A trainer that says when something takes a while, and lets itself be interrupted there.

Validating and sampling change nothing, so a request to stop need not wait for their end; a step is
never torn apart. Which of both is under way, only the trainer knows.
Read next: `train.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from rinzler.events import Evaluated, Sampled
from rinzler.trainer import Trainer


class AttendedTrainer(Trainer):
    """`attend(what)` surrounds everything that is not a step."""

    attend: Callable[[str], AbstractContextManager[object]] = nullcontext

    def evaluate(self, final: bool = False) -> Evaluated:
        with self.attend("validating on all of the held-back text" if final else "validating"):
            return super().evaluate(final)

    def sample(self, tokens: int = 256, temperature: float = 0.8) -> Sampled:
        with self.attend("writing a sample"):
            return super().sample(tokens, temperature)

"""A run that goes on with another number of steps: what its learning rate does then.

A cosine knows where it ends, so another length means another rate, from the next step on or later.
`--schedule` says which; whatever it is, a line says what the rate was and what it is now, since a
rate that jumps unseen is how a good run is lost. The formulas stand in `rinzler/schedule.py`.
Read next: `resume.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rinzler.cli.request import TrainRequest
from rinzler.config import TrainConfig
from rinzler.errors import ConfigError
from rinzler.schedule import WAYS, curves_of, planned_rate, replanned

USUAL = "stretch"  # the one of the three that always goes on learning, to the last step
OTHERS = [way for way in WAYS if way != USUAL]


def replan(request: TrainRequest, before: TrainConfig, step: int) -> TrainConfig:
    """The plan with the steps that were asked for, from step number `step` on.

    Raises ConfigError where the request means nothing.
    """
    way = request.schedule or USUAL
    _check(way, request, before)
    steps = steps_of(request, before.steps)
    if steps == before.steps:
        return before
    after = replanned(before, steps, step, way)
    if way == "keep" and planned_rate(after, step) == 0:
        raise ConfigError(
            f"--schedule keep would train at a rate of 0: the cosine has ended at step "
            f"{curves_of(after)[-1].end:,}. Give --schedule stretch or rewarm"
        )
    return after


def steps_of(request: TrainRequest, before: int) -> int:
    """How long the run shall be, all in all."""
    return request.training.steps if request.typed("steps") else before


def notes_on_rate(
    request: TrainRequest, before: TrainConfig, after: TrainConfig, step: int
) -> Iterator[str]:
    """The rate at the step where the run goes on, as it was planned and as it is now."""
    way = request.schedule or USUAL
    if not after.cosine:
        return
    if before.steps == after.steps:
        if request.typed("schedule"):
            yield f"--schedule {way} changes nothing: the run has {after.steps:,} steps already"
        return
    old, new = planned_rate(before, step), planned_rate(after, step)
    rate = f"goes from {old:.1e} to {new:.1e}" if old != new else f"stays at {old:.1e}"
    yield (
        f"--steps {before.steps} → {after.steps}; at step {step:,} the rate {rate} "
        f"(--schedule {way}: {_in_words(after, way)}"
        + (")" if request.schedule else f"; see also {' and '.join(OTHERS)})")
    )


def _in_words(after: TrainConfig, way: str) -> str:
    curve = curves_of(after)[-1]
    if way == "keep":
        return f"the cosine ends at step {curve.end:,} as before, then the rate is {after.min_lr:g}"
    if way == "stretch":
        return "the cosine is stretched over the new length"
    up = f"up to {after.lr:.1e} in {curve.warmup:,} step{'s' if curve.warmup > 1 else ''}"
    return f"{up}, then a new cosine"


def _check(way: str, request: TrainRequest, before: TrainConfig) -> None:
    if way not in WAYS:
        raise ConfigError(f"schedule is {way!r}, expected {', '.join(WAYS[:-1])} or {WAYS[-1]}")
    if not request.typed("schedule"):  # a file may say it for all runs, also for those without
        return
    if not before.cosine:
        raise ConfigError(
            f"--schedule {way} means nothing to this run: without --cosine its rate does not "
            "depend on --steps. Leave it out"
        )
    if not request.typed("steps"):
        raise ConfigError(
            f"--schedule {way} says what the rate does when the number of steps changes: "
            f"add --steps N, which was {before.steps}"
        )

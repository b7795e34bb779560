"""Settings that cannot hold together: found before anything is read, each said in one line.

A setting that would be ignored in silence is refused like one that contradicts another: whoever
gives it expects something of it. Ranges are the business of the records in `config.py`.
Read next: `plan.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rinzler.cli.request import SCHEDULE, TrainRequest
from rinzler.errors import ConfigError

OBEYS = {  # what each optimizer makes use of, besides the rate
    "adamw": ("beta1", "beta2", "weight_decay"),
    "adam": ("beta1", "beta2"),
    "rmsprop": ("beta2",),
    "momentum": ("beta1",),
    "sgd": (),
}


def check(request: TrainRequest) -> None:
    """Raises ConfigError naming all that clashes."""
    found = [*_output(request), *_going_on(request)]
    if not request.resume:  # which keeps the schedule of its run, and refuses another
        found += [*_schedule(request), *_optimizer(request)]
    if len(found) == 1:
        raise ConfigError(found[0])
    if found:
        raise ConfigError("\n  ".join(("these settings do not go together:", *found)))


def _output(request: TrainRequest) -> Iterator[str]:
    if request.quiet and request.json:
        yield (
            "--quiet and --json both have a use for stdout: a path, or an object per event. "
            "Leave one out; the last object of --json has the path"
        )
    if request.quiet and request.plan:
        yield "--plan is all that it prints, and --quiet leaves it out; give one of them"
    if request.verify_resume and (request.quiet or request.plan):
        other = "--quiet" if request.quiet else "--plan"
        yield f"--verify-resume prints what it found and nothing else: leave out {other}"
    if request.quiet and request.plain:
        yield "--plain is a form of what --quiet leaves out; give one of them"


def _going_on(request: TrainRequest) -> Iterator[str]:
    for name in ("schedule", "strict"):
        if request.typed(name) and not request.resume:
            yield f"--{name} is about how a run goes on: add --resume RUN, or leave it out"


def _schedule(request: TrainRequest) -> Iterator[str]:
    training = request.training
    if training.cosine and "warmup-steps" not in request.origins:
        steps = max(1, min(100, training.steps // 10))
        yield f"--cosine needs --warmup-steps N, for example --warmup-steps {steps}"
    if training.min_lr and not training.cosine:
        yield "--min-lr is where --cosine ends: add --cosine, or leave --min-lr out"


def _optimizer(request: TrainRequest) -> Iterator[str]:
    training = request.training
    for name in OBEYS["adamw"]:
        value = getattr(training, name)
        says_something = value and value != getattr(SCHEDULE, name)
        if says_something and name not in OBEYS[training.optimizer]:
            flag = name.replace("_", "-")
            yield f"--{flag} means nothing to --optimizer {training.optimizer}: leave it out"

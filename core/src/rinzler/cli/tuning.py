"""The flags of `rinzler-autotune`: all of `rinzler-train`, and those of the search itself.

A model is named as it would be for a run, by the same flags, file, variables and presets. What
means nothing here, such as a run's folder, is accepted and left alone: nobody should have to edit
a settings file in order to tune for it.
Leaves out: the search (`rinzler/autotune/`). Read next: `autotune.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from rinzler.cli import commands
from rinzler.cli.commands import MODEL, TRAINING
from rinzler.cli.flags import BACKEND_HELP, FLAG, OUTPUT, ModelFlags, Setting, TrainFlags, switch
from rinzler.cli.request import MERGES, SCHEDULE, SHAPE
from rinzler.config import TrainConfig
from rinzler.errors import ConfigError

SEARCH = "Search"


@dataclass(frozen=True)
class TuneRequest:
    """All that was asked of `rinzler-autotune`."""

    model: ModelFlags
    training: TrainConfig
    merges: int
    backend: str
    device: int | None
    threads: list[int] | None
    batch_sizes: list[int] | None
    rigor: str
    seconds: float | None
    steps: int | None  # of each measurement, at least
    show: bool
    plain: bool
    json: bool


def autotune(
    *files: Annotated[str, Parameter(show=False)],
    backend: Annotated[
        str, Parameter(group=SEARCH, metavar="NAME", help=f"only this one; {BACKEND_HELP}")
    ] = "auto",
    device: Annotated[
        int | None,
        Parameter(
            group=SEARCH, metavar="N", help="only this device, of backends that have several"
        ),
    ] = None,
    threads: Annotated[
        str | None,
        Parameter(group=SEARCH, metavar="1,2,4", help="these numbers; else all cores and half"),
    ] = None,
    batch_sizes: Annotated[
        str | None,
        Parameter(
            group=SEARCH,
            metavar="4,8,16",
            help="each on its own; else parts of --batch-size, with more passes to an update",
        ),
    ] = None,
    quick: Annotated[bool, switch(SEARCH, "within a minute")] = False,
    normal: Annotated[bool, switch(SEARCH, "four minutes")] = False,
    thorough: Annotated[bool, switch(SEARCH, "20 minutes")] = False,
    time_limit: Annotated[
        float | None, Parameter(group=SEARCH, metavar="SECONDS", help="of the whole search")
    ] = None,
    show: Annotated[bool, switch(OUTPUT, "what was measured before, and stop")] = False,
    plain: Annotated[bool, switch(OUTPUT, "lines instead of a moving table")] = False,
    json: Annotated[bool, switch(OUTPUT, "one JSON object per candidate")] = False,
    vocab_size: Annotated[int, Parameter(group=MODEL, help="merges of the tokenizer")] = MERGES,
    model: Annotated[ModelFlags, Parameter(name="*", group=MODEL)] = SHAPE,
    training: Annotated[
        TrainFlags, Parameter(name="*", group=TRAINING, negative_none="no-")
    ] = SCHEDULE,
    settings: Annotated[tuple[Setting, ...], Parameter(parse=False)] = (),
    **unused: Any,
) -> int:
    """Find what trains a model fastest here. Other flags of rinzler-train may stand there, too.

    {program}                              for the model that rinzler-train would make
    {program} --d-model 256 --layers 6     for this one
    {program} --config run.toml --quick    for that of a settings file, within a minute
    {program} --show                       what was found before
    """
    from rinzler.cli.autotune import run

    typed = {each.name for each in settings if each.origin == FLAG}
    return run(
        TuneRequest(
            model=model,
            training=training,
            merges=vocab_size,
            backend=backend,
            device=device,
            threads=_numbers("threads", threads),
            batch_sizes=_numbers("batch-sizes", batch_sizes),
            rigor=_rigor(quick, normal, thorough),
            seconds=time_limit,
            # In a settings file this is the length of the run.
            steps=training.steps if "steps" in typed else None,
            show=show,
            plain=plain,
            json=json,
        )
    )


def _rigor(quick: bool, normal: bool, thorough: bool) -> str:
    asked = {"quick": quick, "normal": normal, "thorough": thorough}
    names = [name for name, is_asked in asked.items() if is_asked]
    if len(names) > 1:
        raise ConfigError(f"--{' and --'.join(names)} are two lengths of one search; give one")
    return names[0] if names else "normal"


def _numbers(flag: str, text: str | None) -> list[int] | None:
    """ "1,2,4" as numbers. Raises ConfigError."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() and int(word) > 0 for word in words):
        raise ConfigError(f"--{flag} is {text!r}, expected whole numbers of at least 1: 1,2,4")
    return [int(word) for word in words]


def _with_flags_of(train: Callable[..., int]) -> inspect.Signature:
    """The signature with every flag of a training run that the search has no use for."""
    own = inspect.signature(autotune, eval_str=True)
    known = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
    names = {each.name for each in known}
    flags = inspect.signature(train, eval_str=True).parameters.values()
    unused = [_unused(each) for each in flags if each.name not in names]
    return own.replace(parameters=[*known, *unused])


def _unused(parameter: inspect.Parameter) -> inspect.Parameter:
    """The same flag, in its table of a settings file, but not on the help page."""
    annotation = parameter.annotation
    hint = getattr(annotation, "__origin__", annotation)
    described = getattr(annotation, "__metadata__", ())
    return parameter.replace(annotation=Annotated[hint, *described, Parameter(show=False)])


autotune.__signature__ = _with_flags_of(commands.train)  # type: ignore[attr-defined]

"""What a run keeps for its whole life, and what may be different when it goes on.

Its texts, model, tokenizer and the way of training are what it is; with others, the rest of it
would be a run that nobody asked for. How long it is, how often something is reported or saved, and
what computes, may change, and a line says what follows from that.
Leaves out: the learning rate where the length changes (`replan.py`). Read next: `resume.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rinzler.cli import rundir
from rinzler.cli.found import Found
from rinzler.cli.invocation import Invocation, quoted
from rinzler.cli.plan import Fingerprint
from rinzler.cli.replan import replan, steps_of
from rinzler.cli.request import TrainRequest
from rinzler.config import GPTConfig, TrainConfig
from rinzler.errors import CheckpointError, ConfigError, DataError
from rinzler.numerics import differences

CHANGEABLE = (
    *("steps", "eval_every", "eval_windows", "gen_every", "save_every", "keep_last"),
    *("div_warn", "div_crit", "curves"),
)
OTHERS = ("val-fraction", "vocab-size", "run-dir", "init", "config", "preset")


def check_flags(request: TrainRequest) -> None:
    """Raises ConfigError for settings that a run keeps for its whole life."""
    of_the_run = {each.name for record in (GPTConfig, TrainConfig) for each in fields(record)}
    names = [name.replace("_", "-") for name in of_the_run - set(CHANGEABLE)]
    given = sorted(name for name in {*names, *OTHERS} if request.typed(name))
    new_one = "or begin a new run with the weights of this one: --init instead of --resume"
    if given:
        flags = ", ".join(f"--{name}" for name in given)
        raise ConfigError(
            f"{flags} cannot be given with --resume: the run goes on as it began. "
            f"Leave that out, {new_one}"
        )
    if request.names and request.typed("corpus"):
        raise ConfigError(
            f"a text cannot be named with --resume ({request.names[0]}): the run goes on with "
            f"its own. Leave it out, {new_one}"
        )


def training_of(request: TrainRequest, config: dict[str, Any], found: Found) -> TrainConfig:
    """The settings of the run with the changes that were asked for. Raises ConfigError."""
    wrong = f"{found.folder / rundir.CONFIG} and {found.path.name} are not of the same run: "
    mend = f"Put it back to where it came from, or: {quoted('--init', found.path)}"
    stored = found.saved.meta.get("training", {})
    known = {each.name for each in fields(TrainConfig)}
    for name in sorted(known - set(CHANGEABLE)):
        one, other = config["training"].get(name), stored.get(name)
        if one != other:
            raise CheckpointError(f"{wrong}{name} is {one} in one and {other} in the other. {mend}")
    if config["model"] != found.saved.meta.get("model"):
        raise CheckpointError(f"{wrong}the models differ. {mend}")
    before = trained_before(config, found.folder)
    typed = [name for name in CHANGEABLE if request.typed(name)]
    changes = {name: getattr(request.training, name) for name in typed if name != "steps"}
    return replan(request, replace(before, **changes), found.step)


def trained_before(config: dict[str, Any], folder: Path) -> TrainConfig:
    """The settings of the run until now. Raises ConfigError."""
    try:
        return TrainConfig.from_json(config["training"])
    except (TypeError, ConfigError) as cause:
        raise ConfigError(
            f"{folder / rundir.CONFIG} has settings that are none: {cause}. "
            f"A new run can take the weights: {quoted('--init', folder)}"
        ) from cause


def check_steps(request: TrainRequest, config: dict[str, Any], found: Found) -> None:
    """Raises ConfigError if there is nothing left to do."""
    steps = steps_of(request, config["training"]["steps"])
    if found.step < steps:
        return
    invocation = Invocation.of_this_process()
    command = invocation.resume(found.folder, "--steps", str(4 * found.step))
    raise ConfigError(
        f"the run {found.folder} has done {found.step:,} steps of {steps:,}: it is "
        f"finished. To go further: {command}"
    )


def check_texts(folder: Path, before: Sequence[Fingerprint], now: Sequence[Fingerprint]) -> None:
    """Raises DataError, naming what is not as it was."""
    if list(before) == list(now):
        return
    gone = Counter(before) - Counter(now)
    come = Counter(now) - Counter(before)
    old, new = {name for name, _ in gone}, {name for name, _ in come}
    reasons = [f"{name} has changed" for name in sorted(old & new)]
    reasons += [f"{name} is gone" for name in sorted(old - new)]
    reasons += [f"{name} is new" for name in sorted(new - old)]
    reasons = reasons or ["they come in another order"]
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    anew = quoted("rinzler-train", "--init", folder)
    raise DataError(
        f"the texts of {folder} are not what they were: {'; '.join(reasons[:3])}{more}. Put them "
        f"back, or begin a new run with its weights: {anew} TEXT"
    )


def notes_on_numerics(
    config: dict[str, Any], found: Found, now: Mapping[str, str]
) -> Iterator[str]:
    """What computes, where that is not what computed the checkpoint."""
    before = {"backend": config["backend"]["name"], **found.saved.meta.get("numerics", {})}
    if before["backend"] != now["backend"]:
        yield (
            f"the run was on {before['backend']} and goes on with {now['backend']}: the same but "
            "for rounding"
        )
        return
    changed = differences(before, now) if "numerics" in found.saved.meta else ""
    if changed:
        yield f"what computes is not what it was ({changed}): the same but for rounding"


def options_of(request: TrainRequest, config: dict[str, Any]) -> dict[str, Any]:
    """The options of plugins: as the run had them, unless they were given again."""
    again = dict(request.options)
    for name, record in again.items():
        stored = config.get("options", {}).get(name, {})
        kept = {}
        for each in fields(record):
            flag = f"{name}-{each.name}".replace("_", "-")
            if each.name in stored and flag not in request.origins:
                value = stored[each.name]
                is_path = isinstance(value, str) and "Path" in str(each.type)
                kept[each.name] = Path(value) if is_path else value
        again[name] = replace(record, **kept)
    return again

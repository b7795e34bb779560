"""Settings as flags: every field of `GPTConfig` and `TrainConfig` is one, by construction.

`TrainConfig` is taken as it is, but for what only a run that goes on has. A model's shape is typed
before all of it is known: the vocabulary belongs to the text's tokenizer, and the number of heads
may follow from the width.
Leaves out: what the flags do. Read next: `commands.py`, where they are put together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import log
from typing import Annotated, Any

from cyclopts import Parameter

from rinzler.config import Curve, GPTConfig, TrainConfig

DEFAULT, FLAG = "default", "flag"  # the weakest origin of a setting, and the strongest

RUN, OUTPUT = "Run", "Output"  # groups of flags that many commands have
BACKEND_HELP = "what computes; see: rinzler backends"


def switch(group: str, help: str, alias: str | None = None) -> Parameter:
    """A flag that is off unless it is typed; `--no-` in front of it would mean nothing."""
    return Parameter(group=group, alias=alias, negative="", help=help)


BackendFlag = Annotated[str, Parameter(group=RUN, metavar="NAME", help=BACKEND_HELP)]
DeviceFlag = Annotated[
    int | None,
    Parameter(group=RUN, metavar="N", help="of the backend, as rinzler backends -v lists them"),
]
ThreadsFlag = Annotated[
    int | None, Parameter(group=RUN, metavar="N", help="of the CPU; else what the backend takes")
]
VerboseFlag = Annotated[bool, switch(OUTPUT, "also what was passed over, and why", alias="-v")]
HEADS = "H: attention heads; 0 picks the number whose width comes closest to C/4, or 16, or 64"


@dataclass(frozen=True)
class ModelFlags(GPTConfig):
    """A `GPTConfig` with two fields still open; `complete` closes and checks it."""

    vocab_size: Annotated[int, Parameter(parse=False)] = 0
    heads: Annotated[int, Parameter(help=HEADS)] = 0

    def __post_init__(self) -> None:
        """No check yet."""

    def complete(self, vocab_size: int) -> GPTConfig:
        """The shape of the model. Raises ConfigError."""
        values = asdict(self) | {"vocab_size": vocab_size}
        values["heads"] = self.heads or heads_for(self.d_model)
        return GPTConfig(**values)


@dataclass(frozen=True)
class TrainFlags(TrainConfig):
    """A `TrainConfig` whose cosine, if it has one, is still its first."""

    curves: Annotated[tuple[Curve, ...], Parameter(parse=False)] = ()

    def complete(self) -> TrainConfig:
        return TrainConfig(**vars(self))


@dataclass(frozen=True)
class Setting:
    """One setting as the run will have it, and who said so: `settings.py` knows."""

    name: str  # "d-model"
    table: str  # "model"
    value: Any
    origin: str  # DEFAULT, "preset laptop", "file run.toml, line 3", "environment …" or FLAG
    may_be_off: bool  # None means that it was switched off, and not that it was left open


def heads_for(width: int) -> int:
    """How many heads suit a width: each about a quarter of it, but from 16 to 64 wide.

    Fewer than 16 numbers are too few to compare positions by, and beyond 64 another head has been
    worth more than wider ones (GPT-2 has 64 at every size).
    """
    goal = min(64.0, max(16.0, width / 4))
    divisors = [heads for heads in range(1, width + 1) if width % heads == 0]
    return min(divisors, key=lambda heads: abs(log(width / heads / goal)), default=1)

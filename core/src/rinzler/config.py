"""Settings: what a model and a training run are told, one frozen record each, and nothing else.

They stand apart from the code that obeys them because the command line makes its flags from these
fields, and `rinzler-train --help` should not have to load an array library to say what `--lr` is.
Every field says what it means in its `help`; a record that exists has been checked.
Leaves out: where the settings come from (`cli/`). Read next: `gpt.py`, the model they shape,
`train.py`, the run they steer, and `generate/`; each offers its record under its own name too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import inf, isfinite, log
from typing import Any, TypeVar

from rinzler.errors import ConfigError

ValueT = TypeVar("ValueT")

MOST = 2**63 - 1  # of any whole number: what an index can be
OPTIMIZERS = ("adamw", "adam", "rmsprop", "momentum", "sgd")


def setting(default: ValueT, help: str) -> ValueT:
    """A field of a record, with its default and a line that explains it."""
    made: Any = field(default=default, metadata={"help": help})
    return made


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a model; equal configurations make models that can share weights."""

    vocab_size: int = field(metadata={"help": "V: how many ids there are"})
    context: int = setting(128, "T at most: how many tokens back a position sees")
    d_model: int = setting(64, "C: width of the stream")
    layers: int = setting(4, "blocks of attention and MLP")
    heads: int = setting(4, "H: attention heads, each C/H wide")
    dropout: float = setting(0.0, "probability of zeroing an element, in training")
    bias: bool = setting(True, "biases in Linear and LayerNorm")
    tie_weights: bool = setting(True, "use the token embedding as the head too")

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context", "d_model", "layers", "heads"):
            _expect(name, getattr(self, name), 1)
        if self.d_model % self.heads:
            fitting = [h for h in range(1, 65) if self.d_model % h == 0]
            near = sorted(fitting, key=lambda h: abs(h - self.heads))[:3]
            raise ConfigError(
                f"heads {self.heads} does not divide d_model {self.d_model} "
                f"({self.d_model / self.heads:.1f} each); use {_choices(sorted(near))} heads"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout is {self.dropout}, expected 0 ≤ dropout < 1")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def parameters(self) -> int:
        """How many numbers such a model has, as arithmetic: `GPT` is built of as many."""
        V, T, C = self.vocab_size, self.context, self.d_model
        norm = 2 * C if self.bias else C
        biases = 9 * C if self.bias else 0  # 3C and C of the attention, 4C and C of the MLP
        block = 12 * C * C + biases + 2 * norm  # C×3C, C×C, C×4C and 4C×C
        head = 0 if self.tie_weights else V * C
        return V * C + T * C + self.layers * block + norm + head

    @property
    def initial_loss(self) -> float:
        """ln V in nats: what guessing evenly costs, and where training starts."""
        return log(self.vocab_size)


@dataclass(frozen=True)
class Curve:
    """A course of the learning rate: a straight line up to the peak, then half a cosine down.

    A run has one, from its first step to its last, until it goes on with another number of steps:
    then a curve may be added that holds from there on, and what was before stays as it was.
    `schedule.py` has the formula.
    """

    since: int = 0  # the first step that it holds for
    start: int = 0  # the step at which its line up begins
    origin: float = 0.0  # the rate that its line begins with
    warmup: int = 0  # steps of the line
    end: int = 1  # the step from which on the rate is the least

    def __post_init__(self) -> None:
        for name in ("since", "start", "warmup"):
            _expect(name, getattr(self, name), 0)
        _expect("end", self.end, 1)
        if not (isinstance(self.origin, float) and _finite(self.origin) and self.origin >= 0):
            raise ConfigError(f"origin is {self.origin!r}, expected a number of at least 0")
        if self.start + self.warmup >= self.end:
            raise ConfigError(
                f"the cosine ends at step {self.end}, inside the warmup of {self.warmup} steps"
                + (f" from step {self.start} on" if self.start else "")
                + "; use more steps or a shorter warmup"
            )


@dataclass(frozen=True)
class TrainConfig:
    """How to train; the model's shape is `GPTConfig`."""

    steps: int = setting(1000, "updates in all")
    batch_size: int = setting(8, "B: sequences in one forward pass")
    accumulate: int = setting(1, "forward passes in one update")
    lr: float = setting(3e-4, "learning rate, at its peak")
    warmup_steps: int = setting(0, "updates until the peak is reached")
    cosine: bool = setting(False, "let the rate fall along a cosine after the warmup")
    min_lr: float = setting(0.0, "where the cosine ends")
    optimizer: str = setting("adamw", "adamw, adam, rmsprop, momentum or sgd")
    weight_decay: float = setting(0.1, "AdamW: on matrices and embeddings")
    beta1: float = setting(0.9, "memory of the gradient's mean (Adam, momentum)")
    beta2: float = setting(0.99, "memory of its square (Adam, RMSprop)")
    clip_grad: float | None = setting(1.0, "the gradient's largest norm")
    eval_every: int = setting(200, "updates between validations; 0: only at the end")
    eval_windows: int = setting(64, "sequences in a validation; the last one takes all")
    gen_every: int = setting(200, "updates between samples; 0: only at the end")
    save_every: int = setting(500, "updates between checkpoints; 0: only at the end")
    keep_last: int = setting(3, "checkpoints kept besides the best one; 0: all")
    div_warn: float = setting(20.0, "warn when validation is this many % above training")
    div_crit: float | None = setting(None, "stop when it is this many % above")
    seed: int = setting(0, "of weights, batches, dropout and samples")
    curves: tuple[Curve, ...] = ()  # of the cosine, by `since`; none: one, made of the above

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "eval_windows"):
            _expect(name, getattr(self, name), 1)
        for name in ("warmup_steps", "eval_every", "gen_every", "save_every", "keep_last", "seed"):
            _expect(name, getattr(self, name), 0)
        if not (_finite(self.lr) and self.lr > 0):
            raise ConfigError(f"lr is {self.lr}, expected a number above 0")
        if not 0.0 <= self.min_lr <= self.lr:
            raise ConfigError(f"min_lr is {self.min_lr}, expected 0 ≤ min_lr ≤ lr, {self.lr}")
        for name in ("beta1", "beta2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 0 ≤ {name} < 1")
        if not (_finite(self.weight_decay) and self.weight_decay >= 0):
            raise ConfigError(f"weight_decay is {self.weight_decay}, expected 0 or more")
        if self.clip_grad is not None and not _positive(self.clip_grad):
            raise ConfigError(f"clip_grad is {self.clip_grad}, expected a number above 0, or none")
        if self.optimizer not in OPTIMIZERS:
            known = f"{', '.join(OPTIMIZERS[:-1])} or {OPTIMIZERS[-1]}"
            raise ConfigError(f"optimizer is {self.optimizer!r}, expected {known}")
        if not _positive(self.div_warn):
            raise ConfigError(f"div_warn is {self.div_warn}, expected a percentage above 0")
        if self.div_crit is not None and not _positive(self.div_crit):
            raise ConfigError(f"div_crit is {self.div_crit}, expected a percentage above 0")
        self._check_course()

    def _check_course(self) -> None:
        """Raises ConfigError where the rate has no course."""
        if self.cosine and self.warmup_steps >= self.steps:
            raise ConfigError(
                f"the cosine needs steps after the warmup: warmup_steps is {self.warmup_steps}, "
                f"steps is {self.steps}"
            )
        begins = [curve.since for curve in self.curves]
        if begins and (begins[0] != 0 or begins != sorted(set(begins))):
            raise ConfigError(f"curves begin at the steps {begins}, expected 0, then later ones")

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"curves": [asdict(curve) for curve in self.curves]}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrainConfig:
        """What `to_json` gave; names that are no settings are left out.

        Raises ConfigError, and TypeError for a value of another type.
        """
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in record.items() if name in known}
        values["curves"] = tuple(Curve(**each) for each in record.get("curves", ()))
        return cls(**values)


@dataclass(frozen=True)
class Sampling:
    """How text is drawn from a model: how much, how boldly, and where it ends."""

    tokens: int = setting(256, "how many to write at most")
    temperature: float = setting(0.8, "0: always the likeliest; 1: as the model believes")
    top_k: int = setting(0, "draw from the K likeliest tokens only; 0: from all")
    top_p: float = setting(1.0, "draw from the likeliest that together have this probability")
    min_p: float = setting(0.0, "leave out what is less likely than this share of the likeliest")
    repetition_penalty: float = setting(1.0, "above 1: what stands there already is less likely")
    seed: int = setting(0, "another seed, another text")
    num_samples: int = setting(1, "texts for each prompt")
    stop: tuple[str, ...] = setting((), "end a text before this one; may be repeated")

    def __post_init__(self) -> None:
        for name, least in (("tokens", 1), ("num_samples", 1), ("top_k", 0), ("seed", 0)):
            _expect(name, getattr(self, name), least)
        if not (_finite(self.temperature) and self.temperature >= 0):
            raise ConfigError(f"temperature is {self.temperature}, expected 0 or more")
        if not 0.0 < self.top_p <= 1.0:
            raise ConfigError(f"top_p is {self.top_p}, expected 0 < top_p ≤ 1; 1: draw from all")
        if not 0.0 <= self.min_p <= 1.0:
            raise ConfigError(f"min_p is {self.min_p}, expected 0 ≤ min_p ≤ 1; 0: draw from all")
        if not (_finite(self.repetition_penalty) and self.repetition_penalty > 0):
            raise ConfigError(
                f"repetition_penalty is {self.repetition_penalty}, expected a number above 0; "
                "1: none"
            )
        if isinstance(self.stop, str) or "" in self.stop:
            raise ConfigError(f"stop is {self.stop!r}, expected texts of a character or more")


def _expect(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} is {value!r}, expected a whole number of at least {least}")
    if value > MOST:
        power = value.bit_length() - 1
        raise ConfigError(f"{name} is 2**{power} or more, expected less than 2**63")


def _finite(value: Any) -> bool:
    """Whether it is a number that a float can hold: a file may have one of 400 digits."""
    try:
        return isfinite(value)
    except OverflowError:
        return False


def _positive(value: Any) -> bool:
    """Whether it is a number above 0; infinity is one."""
    return value > 0 and (value == inf or _finite(value))


def _choices(values: list[int]) -> str:
    return ", ".join(map(str, values[:-1])) + f" or {values[-1]}" if values[1:] else str(values[0])

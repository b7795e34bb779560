"""All that was asked of `rinzler-train`, as one record, and what its settings are if nobody says.

Whatever a run is made of is read from here: no part of the command looks at its flags again.
Leaves out: the flags themselves (`commands.py`). Read next: `clashes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rinzler.cli.flags import FLAG, ModelFlags, TrainFlags
from rinzler.config import TrainConfig

VAL_FRACTION = 0.1  # of the text; a tenth, as in the field's usual small experiments
MERGES = 500  # of the tokenizer

SHAPE = ModelFlags()  # what the flags start from: the defaults of their fields
SCHEDULE = TrainFlags()
TRAINING = SCHEDULE.complete()


@dataclass(frozen=True)
class TrainRequest:
    """All that was asked of `rinzler-train`."""

    names: tuple[str, ...] = ()  # files, folders, patterns and corpora, as typed
    val_fraction: float = VAL_FRACTION
    model: ModelFlags = SHAPE
    training: TrainConfig = TRAINING
    backend: str = "auto"
    run_dir: str | None = None
    quiet: bool = False
    plain: bool = False
    json: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)  # of plugins, by their names
    merges: int = MERGES
    threads: int | None = None
    device: int | None = None  # of the backend
    capture: bool = True  # record a step and replay it
    resume: str | None = None  # a run's folder or a checkpoint, to go on with
    schedule: str | None = None  # what its cosine does if --steps is another
    strict: bool = False  # no older checkpoint in place of one that is damaged
    init: str | None = None  # the same, to take weights and tokenizer from
    preset: str = ""  # "laptop: --d-model 192 …", what is in force of it
    verify_resume: bool = False  # only prove that it would be exact
    plan: bool = False  # only say what the run would take
    origins: Mapping[str, str] = field(default_factory=dict)  # {"steps": "file run.toml, line 3"}

    def typed(self, name: str) -> bool:
        """Whether a setting stood on the command line itself."""
        return self.origins.get(name.replace("_", "-")) == FLAG

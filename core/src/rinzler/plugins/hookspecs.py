"""The hooks: everything that a plugin can tell Rinzler, or be told by it.

A plugin is a light module named by an entry point of the group `rinzler`:

    [project.entry-points.rinzler]
    mine = "rinzler_mine.plugin"

with functions decorated by `@rinzler.plugins.hookimpl` and named as below. An implementation may
ask for any subset of a hook's arguments, so hooks can gain arguments without breaking anyone.
Whatever an implementation raises stays with its plugin: the first four hooks make the plugin
`broken`, an event drops the plugin from all events for the rest of the process.

Leaves out: calling them (`describe.py` for the first four, `events.py` for the rest).
Read next: `discovery.py`, where plugins are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from rinzler.plugins.events import RunInfo
    from rinzler.plugins.records import BackendInfo, CorpusInfo, TokenizerInfo

hookspec = pluggy.HookspecMarker("rinzler")
hookimpl = pluggy.HookimplMarker("rinzler")


# pluggy reads a spec's name and arguments and never runs its body.
@hookspec
def rinzler_backends() -> Iterable[BackendInfo]:  # type: ignore[empty-body]
    """Return the backends on offer: an iterable of BackendInfo, or one alone.

    Fires when a backend is looked for or plugins are listed, once per process, right after the
    plugin module was imported. If it raises, or returns anything else, the plugin is `broken`,
    none of its offers are kept, and other plugins are unaffected.
    """


@hookspec
def rinzler_corpora() -> Iterable[CorpusInfo]:  # type: ignore[empty-body]
    """Return the texts on offer: an iterable of CorpusInfo, or one alone.

    Fires together with `rinzler_backends`; a raising implementation is treated the same.
    """


@hookspec
def rinzler_tokenizers() -> Iterable[TokenizerInfo]:  # type: ignore[empty-body]
    """Return the tokenizers on offer: an iterable of TokenizerInfo, or one alone.

    Fires together with `rinzler_backends`; a raising implementation is treated the same.
    """


@hookspec
def rinzler_options() -> type:  # type: ignore[empty-body]
    """Return a frozen dataclass whose fields become options of `rinzler-train`.

    A field `every: int = field(default=0, metadata={"help": "..."})` of the plugin "csv" becomes
    `--csv-every N`. Fields are bool, int, float, str or Path, or one of them | None, and all have
    a default and a help. A ValueError from `__post_init__` is shown to whoever typed the value.
    Events find the values with `run.options_of(CsvOptions)`.

    Fires together with `rinzler_backends`; a raising implementation is treated the same.
    """


@hookspec
def rinzler_select_backend(names: Sequence[str], workload: Mapping[str, object]) -> str | None:
    """Return the backend that a training run with `--backend auto` should take, or None.

    Fires when a run looks for a backend and nobody has named one. `names` are those that are ready,
    the highest priority first; "NAME:1" is an answer, too. `workload` has the keys `model`,
    `training` and `dtype`, as in `config.json`. The first answer counts, before what
    `rinzler-autotune` has measured. Raising: as in `rinzler_train_start`.
    """


@hookspec
def rinzler_train_start(run: RunInfo, step: int) -> None:
    """A run is about to go on from `step`: 0 if it is fresh, else that of the checkpoint.

    A run that resumes does the steps after `step` again: what was noted of them is obsolete.
    `run` carries the run's directory, its configuration and the plugin's options, all read-only.
    If an implementation raises: one line on stderr, and its plugin hears no more events in this
    process.
    """


@hookspec
def rinzler_step_end(
    run: RunInfo, step: int, loss: float, lr: float, grad_norm: float, tokens_per_second: float
) -> None:
    """One optimizer step is done.

    `step` counts from 1 since the start of the run, resumed or not; `loss` is the batch's mean in
    nats per token; `lr` is the rate that was used and `grad_norm` the gradient's norm before
    clipping. All are numbers on the host already. Raising: as in `rinzler_train_start`.
    """


@hookspec
def rinzler_eval_end(run: RunInfo, step: int, metrics: Mapping[str, float]) -> None:
    """The validation text has been measured after `step`.

    `metrics["val_loss"]` is in nats per token, `metrics["val_bpb"]` in bits per byte of text; more
    may come. Raising: as in `rinzler_train_start`.
    """


@hookspec
def rinzler_checkpoint_saved(run: RunInfo, path: Path) -> None:
    """A checkpoint is on disk at `path`, complete: fires only after the save has succeeded.

    Raising: as in `rinzler_train_start`; the checkpoint stays.
    """


@hookspec
def rinzler_train_end(run: RunInfo, error: BaseException | None) -> None:
    """The run is over. `error` is what stopped it, None when it reached its last step.

    Raising: as in `rinzler_train_start`.
    """

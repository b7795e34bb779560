"""A run as curves: event files in the run's folder, for `tensorboard --logdir runs`.

This module only describes; tensorboardX is imported when a run starts that was asked to write.
A run that resumes gets another event file, which begins by telling TensorBoard to forget what the
interrupted run had noted of the steps that are now done again.

Leaves out: histograms and samples, of which events do not tell. Read next:
`rinzler/plugins/hookspecs.py`, what the events say.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rinzler.plugins import RunInfo, hookimpl

FLUSH_SECONDS = 5  # how old the curves may be; TensorBoard itself looks every 30 s


@dataclass(frozen=True)
class TensorBoardOptions:
    """`--tensorboard-every` and `--tensorboard-dir`."""

    every: int = field(default=0, metadata={"help": "steps between points of a curve; 0: none"})
    dir: Path | None = field(
        default=None, metadata={"help": "where event files go; else the run's folder"}
    )

    def __post_init__(self) -> None:
        if self.every < 0:
            raise ValueError(f"--tensorboard-every is {self.every}, expected 0 or more")
        if self.dir is not None and self.every == 0:
            raise ValueError("--tensorboard-dir needs points to write: add --tensorboard-every 1")


class TensorBoard:
    """Listens to runs; each that was asked to write has an open writer until it ends."""

    def __init__(self) -> None:
        self.writers: dict[Path, Any] = {}  # a SummaryWriter for each run's folder

    @hookimpl
    def rinzler_options(self) -> type[TensorBoardOptions]:
        return TensorBoardOptions

    @hookimpl
    def rinzler_train_start(self, run: RunInfo, step: int) -> None:
        """Open an event file and put the run's configuration into it."""
        options = run.options_of(TensorBoardOptions)
        if not options.every:
            return
        from tensorboardX import SummaryWriter  # type: ignore[import-untyped]

        writer = SummaryWriter(
            str(options.dir or run.directory),
            purge_step=step + 1 if step else None,
            flush_secs=FLUSH_SECONDS,
            # tensorboardX names files by the second and overwrites what has the same name.
            filename_suffix=f".{time.time_ns()}",
        )
        self.writers[run.directory] = writer
        config = json.dumps(dict(run.config), indent=2, ensure_ascii=False, default=str)
        writer.add_text("config", f"```json\n{config}\n```", step)

    @hookimpl
    def rinzler_step_end(
        self,
        run: RunInfo,
        step: int,
        loss: float,
        lr: float,
        grad_norm: float,
        tokens_per_second: float,
    ) -> None:
        writer = self.writers.get(run.directory)
        if writer is None or step % run.options_of(TensorBoardOptions).every:
            return
        writer.add_scalar("loss/train", loss, step)
        writer.add_scalar("lr", lr, step)
        writer.add_scalar("grad_norm", grad_norm, step)
        writer.add_scalar("tokens_per_second", tokens_per_second, step)

    @hookimpl
    def rinzler_eval_end(self, run: RunInfo, step: int, metrics: Mapping[str, float]) -> None:
        """Validation stands beside training: val_loss is the curve `loss/validation`."""
        writer = self.writers.get(run.directory)
        if writer is None:
            return
        for name, value in metrics.items():
            writer.add_scalar(f"{name.removeprefix('val_')}/validation", value, step)

    @hookimpl
    def rinzler_train_end(self, run: RunInfo) -> None:
        """Close the file, however the run ended."""
        writer = self.writers.pop(run.directory, None)
        if writer is not None:
            writer.close()


plugin = TensorBoard()

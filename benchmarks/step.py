"""Time one training step of Rinzler's backends, side by side with PyTorch in one run.

    python benchmarks/step.py --backend numba --config C1 --vs torch --runs 3

A step is forward, cross-entropy, backward, clipping of the global gradient norm at 1.0, AdamW.
Every side is a process of its own with the same weights and batches (`configs.py`), warmed up and
then asked for a few steps in turn (`turns.py`). Before any time is printed the losses of all sides
are compared: a race between two different computations has no winner.

Read next: `README.md` for what the columns mean, `LOG.md` for what was tried.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import environment
import machine
from configs import CONFIGS
from report import markdown, report
from summary import PEER, LossesDiffer, check_losses, of_run, over_runs
from turns import Side, WorkerDied, take_turns

MODES = ("captured", "eager")
VS = {  # what may stand after --vs, and which sides it is
    PEER: ("torch-eager", "torch-compile"),
    "torch-eager": ("torch-eager",),
    "torch-compile": ("torch-compile",),
    "torch-plain-adamw": ("torch-plain-adamw",),
}
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure, print, and save where asked."""
    arguments = parse()
    config = CONFIGS[arguments.config]
    env = environment.measured(arguments.pin)
    removed = environment.announce(arguments.pin)
    load_before = machine.load_average()
    runs = []
    try:
        for _ in range(arguments.runs):
            sides = contenders(arguments)
            take_turns(sides, arguments.config, arguments.steps or config.steps, env)
            check_losses(sides)
            runs.append(of_run(sides))
    except (WorkerDied, LossesDiffer) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    result = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {"name": arguments.config, **dataclasses.asdict(config)},
        "machine": machine.describe(),
        "load": {"before": load_before, "after": machine.load_average()},
        "environment": {"removed": removed, "set": environment.on_record(arguments.pin)},
        "about": {side.label: side.about for side in sides},
        "runs": runs,
        **over_runs(runs, config),
    }
    print(form(arguments)(result))
    if arguments.save:
        save(result)
    return 0


def contenders(arguments: argparse.Namespace) -> list[Side]:
    """The sides that the command line asks for, each in every mode, backends first."""
    names = [
        name if mode == "captured" else f"{name}-{mode}"
        for name in arguments.backend
        for mode in arguments.mode
    ]
    peers = dict.fromkeys(side for name in arguments.vs for side in VS[name])
    return [Side(name, "rinzler_step", sys.executable) for name in names] + [
        Side(name, "torch_step", arguments.torch_python) for name in peers
    ]


def parse() -> argparse.Namespace:
    """The command line; see README.md."""
    parser = argparse.ArgumentParser(description="Time one training step, backends against torch.")
    parser.add_argument("--backend", nargs="+", default=["numpy"], metavar="NAME")
    parser.add_argument("--mode", nargs="+", choices=MODES, default=["captured"])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="C1")
    parser.add_argument("--vs", nargs="+", choices=VS, default=[], help="torch: eager and compiled")
    parser.add_argument("--steps", type=int, help="measured steps per side (C1, C2: 60; C3: 12)")
    parser.add_argument("--runs", type=int, default=1, help="runs to take the median of")
    parser.add_argument("--pin", metavar="CORE", help="OPENBLAS_CORETYPE for all sides: Haswell")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--markdown", action="store_true", help="the table as a README has it")
    parser.add_argument("--save", action="store_true", help="append the result to results/")
    environment.add_torch_python(parser)
    arguments = parser.parse_args()
    for name in ("steps", "runs"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name} must be at least 1, got {value}")
    return arguments


def form(arguments: argparse.Namespace) -> Any:
    """How the result is to be written."""
    if arguments.json:
        return json.dumps
    return markdown if arguments.markdown else report


def save(result: dict[str, Any]) -> None:
    """Append the result to the file of its config."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"step-{result['config']['name']}.jsonl"
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(result) + "\n")
    print(f"appended to {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

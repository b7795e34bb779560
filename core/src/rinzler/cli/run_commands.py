"""What can be typed about runs that are there: `runs`, `convert`.

Like `commands.py`: functions whose arguments are flags, and which import what does the work when
they are called. Read next: `runs.py`.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from rinzler.cli.flags import OUTPUT, RUN, switch


def runs(
    folder: Annotated[
        str | None, Parameter(group=RUN, help="a folder of runs, or one run; else runs")
    ] = None,
    /,
    *,
    json: Annotated[bool, switch(OUTPUT, "JSON")] = False,
) -> int:
    """List runs, or the checkpoints of one, each read and verified.

    {program}                 every run in runs/
    {program} runs/notes-001  its checkpoints: valid or why not, the newest, the best
    """
    from rinzler.cli.runs import list_runs

    return list_runs(folder, json)


def convert(
    run: Annotated[str | None, Parameter(group=RUN, help="a run's folder or a checkpoint")] = None,
    file: Annotated[
        str | None, Parameter(group=RUN, help="a new file, *.json, *.bin or *.safetensors")
    ] = None,
    /,
    *,
    weights: Annotated[bool, switch(RUN, "leave out what only training needs")] = False,
) -> int:
    """Write a checkpoint in another form: JSON to read, raw arrays for other programs.

    {program} runs/notes-001 model.json --weights
    {program} model.json model.safetensors
    """
    from rinzler.cli.convert import convert_checkpoint

    return convert_checkpoint(run, file, weights)

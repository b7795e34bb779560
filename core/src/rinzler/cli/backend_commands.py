"""What can be typed about backends: `backends`, `doctor`, `warmup`, `check`.

Like `commands.py`, which holds the commands about models: functions whose arguments are flags, and
which import what does the work when they are called. Read next: `check.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from rinzler.cli.flags import BACKEND_HELP, OUTPUT, RUN, switch


def backends(
    name: Annotated[
        str | None, Parameter(group=RUN, help="only this one; NAME:N is its device N")
    ] = None,
    /,
    *,
    verbose: Annotated[
        bool, switch(OUTPUT, "what it found here, and tracebacks", alias="-v")
    ] = False,
    json: Annotated[bool, switch(OUTPUT, "a JSON array")] = False,
    probe: Annotated[bool, switch(RUN, "try each again, in a process of its own")] = False,
) -> int:
    """List every backend and plugin, its state, and why it is in it.

    {program}                 a table
    {program} numpy -v        one of them, with all that is known
    """
    from rinzler.cli.listing import list_backends

    return list_backends(name, verbose, json, probe)


def doctor(
    *,
    json: Annotated[bool, switch(OUTPUT, "a JSON object")] = False,
) -> int:
    """Say what there is on this machine, and what holds it back.

    {program}                 every backend: its threads, its libraries, what to mend
    """
    from rinzler.cli.doctor import examine

    return examine(json)


def warmup(
    backend: Annotated[str, Parameter(group=RUN, help=BACKEND_HELP)] = "auto",
    /,
) -> int:
    """Let a backend do now what it would do at its first use, such as compiling.

    {program}                 the backend that a run would take
    {program} numba           this one
    """
    from rinzler.cli.warmup import warm_up

    return warm_up(backend)


def check(
    name: Annotated[str, Parameter(group=RUN, metavar="NAME", help=BACKEND_HELP)],
    /,
    *ids: Annotated[
        str, Parameter(group=RUN, help="only these checks: ids, or patterns such as 'matmul/*'")
    ],
    tier: Annotated[
        tuple[str, ...],
        Parameter(group=RUN, metavar="TIER", help="only this tier; may be repeated"),
    ] = (),
    cases: Annotated[int, Parameter(group=RUN, help="generated cases, over all ops")] = 4400,
    mode: Annotated[
        Literal["test", "perf", "support"],
        Parameter(group=RUN, help="run the checks, time each op, or list which have kernels"),
    ] = "test",
    known: Annotated[
        str | None,
        Parameter(
            group=RUN, metavar="FILE", help="known failures; else conformance.toml of your project"
        ),
    ] = None,
    report: Annotated[
        str | None, Parameter(group=OUTPUT, metavar="FILE", help="write what was found as JSON")
    ] = None,
    json: Annotated[bool, switch(OUTPUT, "the report on stdout, and nothing else")] = False,
    list: Annotated[bool, switch(OUTPUT, "print the ids, and run nothing")] = False,
    verbose: Annotated[bool, switch(OUTPUT, "name each check as it starts", alias="-v")] = False,
) -> int:
    """Check that a backend computes what it should, from its first byte to a training run.

    {program} numpy                     every tier; what passes is certified
    {program} numpy --tier bringup      ten facts, for a backend that is being written
    {program} numpy matmul/gen-1234     one check, by its id
    {program} numpy --mode support      which ops have kernels
    """
    from rinzler.cli.check import check_backend, list_ids
    from rinzler.cli.checking import show_perf, show_support

    if list:
        return list_ids(ids, tier, cases)
    if mode != "test":
        return (show_perf if mode == "perf" else show_support)(name, json)
    return check_backend(name, ids, tier, cases, known, report, json, verbose)


def new_backend(
    name: Annotated[str, Parameter(group=RUN, help="what --backend will take: a-z, 0-9, _")],
    /,
    *,
    dir: Annotated[
        str | None, Parameter(group=RUN, metavar="DIR", help="a new folder; else rinzler-NAME")
    ] = None,
) -> int:
    """Write a package that is a backend: complete, in numpy, to be replaced kernel by kernel.

    {program} mine            the folder rinzler-mine
    """
    from rinzler.cli.newbackend import write_package

    return write_package(name, dir)

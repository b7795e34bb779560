"""What can be typed: one function per command, whose arguments are its flags.

Everything that a help page says stands here or in the records of `config.py`. The functions only
hand over, and import what does the work when they are called: to explain a flag should not take
loading an array library. Commands about backends stand in `backend_commands.py`.
Leaves out: parsing (`parsing.py`), and the flags that plugins add. Read next: `extras.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from rinzler.cli.flags import (
    BACKEND_HELP,
    DEFAULT,
    OUTPUT,
    RUN,
    BackendFlag,
    DeviceFlag,
    ModelFlags,
    Setting,
    ThreadsFlag,
    TrainFlags,
    VerboseFlag,
    switch,
)
from rinzler.cli.presets import PRESETS
from rinzler.cli.request import MERGES, SCHEDULE, SHAPE, VAL_FRACTION, TrainRequest
from rinzler.config import Sampling

SAMPLING = Sampling()

TEXT, MODEL, TRAINING = "Text", "Model", "Training"


def train(
    *files: Annotated[str, Parameter(group=TEXT, help="UTF-8 files, folders or patterns")],
    corpus: Annotated[
        tuple[str, ...],
        Parameter(
            group=TEXT,
            metavar="NAME",
            help="the same, or an installed corpus; may be repeated. Without any: python",
        ),
    ] = (),
    val_fraction: Annotated[
        float, Parameter(group=TEXT, help="share of the text held back for validation")
    ] = VAL_FRACTION,
    vocab_size: Annotated[
        int, Parameter(group=TEXT, help="merges of the tokenizer, learnt from the text; 0: bytes")
    ] = MERGES,
    model: Annotated[ModelFlags, Parameter(name="*", group=MODEL)] = SHAPE,
    training: Annotated[
        TrainFlags, Parameter(name="*", group=TRAINING, negative_none="no-")
    ] = SCHEDULE,
    backend: Annotated[
        str, Parameter(group=RUN, metavar="NAME", help=f"{BACKEND_HELP}. --vulkan: vulkan")
    ] = "auto",
    device: DeviceFlag = None,
    run_dir: Annotated[
        str | None,
        Parameter(group=RUN, metavar="DIR", help="a new folder for this run; else runs/TEXT-001…"),
    ] = None,
    resume: Annotated[
        str | None,
        Parameter(group=RUN, metavar="RUN", help="go on with a run's folder, or one checkpoint"),
    ] = None,
    schedule: Annotated[
        str | None,
        Parameter(
            group=RUN,
            metavar="WAY",
            help="keep, stretch or rewarm: what a cosine does if --resume has other --steps",
        ),
    ] = None,
    strict: Annotated[
        bool, switch(RUN, "--resume from the newest checkpoint or not at all")
    ] = False,
    init: Annotated[
        str | None,
        Parameter(group=RUN, metavar="RUN", help="begin with the weights and tokenizer of a run"),
    ] = None,
    threads: ThreadsFlag = None,
    capture: Annotated[
        bool, Parameter(group=RUN, help="record a step twice, then replay it: the same, faster")
    ] = True,
    config: Annotated[
        str | None, Parameter(group=RUN, metavar="FILE", help="settings in TOML: steps = 2000")
    ] = None,
    preset: Annotated[
        str | None, Parameter(group=RUN, metavar="NAME", help=f"{', '.join(PRESETS)}: sets flags")
    ] = None,
    quiet: Annotated[bool, switch(OUTPUT, "only print the last checkpoint's path")] = False,
    plain: Annotated[bool, switch(OUTPUT, "lines instead of a moving bar")] = False,
    json: Annotated[bool, switch(OUTPUT, "one JSON object per event on stdout")] = False,
    plan: Annotated[bool, switch(OUTPUT, "print what it would take, and stop")] = False,
    verify_resume: Annotated[
        bool, switch(OUTPUT, "prove that a resumed run is the same, and stop")
    ] = False,
    show_config: Annotated[
        bool, switch(OUTPUT, "print every setting and its origin, and stop")
    ] = False,
    options: Annotated[Mapping[str, Any] | None, Parameter(parse=False)] = None,
    settings: Annotated[tuple[Setting, ...], Parameter(parse=False)] = (),
) -> int:
    """Train a GPT on text, and keep it in a folder.

    {program}                             on the Python documentation of this machine
    {program} notes/*.md --steps 2000     on a text of yours
    {program} --resume runs/notes-001     on from where a run stopped
    """
    from rinzler.cli.clashes import check
    from rinzler.cli.presets import in_force
    from rinzler.cli.showing import show
    from rinzler.cli.train import run

    request = TrainRequest(
        names=(*files, *corpus),
        val_fraction=val_fraction,
        model=model,
        training=training.complete(),
        backend=backend,
        run_dir=run_dir,
        quiet=quiet,
        plain=plain,
        json=json,
        options=options or {},
        merges=vocab_size,
        threads=threads,
        device=device,
        capture=capture,
        resume=resume,
        schedule=schedule,
        strict=strict,
        init=init,
        preset=in_force(preset, settings) if preset else "",
        plan=plan,
        verify_resume=verify_resume,
        origins={each.name: each.origin for each in settings if each.origin != DEFAULT},
    )
    check(request)
    return show(settings, json) if show_config else run(request)


def generate(
    run: Annotated[str | None, Parameter(group=TEXT, help="a run's folder or a checkpoint")] = None,
    /,
    *,
    prompt: Annotated[
        tuple[str, ...],
        Parameter(
            group=TEXT,
            metavar="TEXT",
            help="what to go on with; may be repeated. Without any: what is typed, or piped in",
        ),
    ] = (),
    sampling: Annotated[Sampling, Parameter(name="*", group=TEXT)] = SAMPLING,
    backend: BackendFlag = "auto",
    device: DeviceFlag = None,
    threads: ThreadsFlag = None,
    json: Annotated[bool, switch(OUTPUT, "one JSON object per text on stdout")] = False,
    verbose: VerboseFlag = False,
) -> int:
    """Let a trained model write.

    {program} runs/python-001 --prompt "def "      one text
    {program} runs/python-001                      a prompt to type into
    {program} runs/python-001 --prompt "def " --temperature 0.5 --stop "def " --num-samples 3
    """
    from rinzler.cli.generate import GenerateRequest, write

    return write(GenerateRequest(run, prompt, sampling, backend, device, threads, json, verbose))


def evaluate(
    run: Annotated[str | None, Parameter(group=TEXT, help="a run's folder or a checkpoint")] = None,
    /,
    *files: Annotated[str, Parameter(group=TEXT, help="UTF-8 files, folders or patterns")],
    backend: BackendFlag = "auto",
    device: DeviceFlag = None,
    threads: ThreadsFlag = None,
    json: Annotated[bool, switch(OUTPUT, "a JSON object")] = False,
    verbose: VerboseFlag = False,
) -> int:
    """Say how well a trained model predicts a text, beside gzip on the same text.

    {program} runs/notes-001 unseen.txt
    {program} runs/notes-001/step-000500.safetensors unseen.txt --json
    """
    from rinzler.cli.evaluate import evaluate_text

    return evaluate_text(run, files, backend, device, threads, json, verbose)

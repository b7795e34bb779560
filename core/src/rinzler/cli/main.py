"""Where every command enters, and where every error leaves.

`rinzler train`, `rinzler-train` and `python -m rinzler train` are the same thing. An error that
Rinzler raises on purpose becomes one message on stderr and an exit code; anything else is a bug and
keeps its traceback. The codes: 0 done, 2 a request that cannot be carried out, 3 something on this
machine is missing, 4 stopped by a guard, 130 and 143 stopped by Ctrl-C or SIGTERM, after saving.
Read next: `commands.py`.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from rinzler.cli.signals import LeaveNow
from rinzler.cli.streams import (
    EXIT_BROKEN_PIPE,
    PATIENCE,
    drop_stdout,
    is_closed_pipe,
    say,
    say_if_slow,
    speak_utf8,
)
from rinzler.errors import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    ConfigError,
    DataError,
    DivergenceError,
    RinzlerError,
)

SUMMARIES = {
    "train": "train a GPT on text, and keep it in a folder",
    "generate": "let a trained model write",
    "eval": "say how well a trained model predicts a text",
    "runs": "list runs, how far they came, and which checkpoints are whole",
    "convert": "write a checkpoint in another form: JSON, raw arrays, safetensors",
    "backends": "list every backend and plugin, its state, and why it is in it",
    "doctor": "say what there is on this machine, and what holds it back",
    "autotune": "find the fastest backend, device, threads and batch for a model here",
    "check": "check that a backend computes what it should",
    "new-backend": "write a package that is a backend, to be made into your own",
    "warmup": "let a backend compile now what it would compile at its first use",
}
# Where the command's name means something else in Python, or nothing.
FUNCTIONS = {"eval": "evaluate", "new-backend": "new_backend"}
BACKEND_COMMANDS = ("backends", "doctor", "check", "new-backend", "warmup")
MODULES = {  # of commands that do not stand in `commands.py`
    "autotune": "rinzler.cli.tuning",
    **dict.fromkeys(("runs", "convert"), "rinzler.cli.run_commands"),
    **dict.fromkeys(BACKEND_COMMANDS, "rinzler.cli.backend_commands"),
}
# Commands that import no plugin, whatever becomes of it, and the function that is behind each. With
# nothing typed there is nothing to parse, which takes as long as the listing itself.
LISTINGS = {
    "backends": "rinzler.cli.listing:list_backends",
    "doctor": "rinzler.cli.doctor:examine",
}
TRYING = "trying new plugins in processes of their own; the verdicts are kept"
LAYERED = ("train", "autotune")  # commands whose settings come from files and variables, too


def main() -> int:
    """`rinzler COMMAND …`, and `python -m rinzler COMMAND …`."""
    as_module = Path(sys.argv[0]).name == "__main__.py"
    program = "python -m rinzler" if as_module else "rinzler"
    return _guarded(lambda: _choose(program, sys.argv[1:]))


def train_main() -> int:
    """`rinzler-train …`"""
    return _guarded(lambda: _run("rinzler-train", "train", sys.argv[1:]))


def generate_main() -> int:
    """`rinzler-generate …`"""
    return _guarded(lambda: _run("rinzler-generate", "generate", sys.argv[1:]))


def autotune_main() -> int:
    """`rinzler-autotune …`"""
    return _guarded(lambda: _run("rinzler-autotune", "autotune", sys.argv[1:]))


def _choose(program: str, tokens: Sequence[str]) -> int:
    name = tokens[0] if tokens else "--help"
    if name in SUMMARIES:
        return _run(f"{program} {name}", name, tokens[1:])
    if name in ("-h", "--help"):
        sys.stdout.write(_overview(program))
    elif name == "--version":
        sys.stdout.write(_version())
    else:
        near = difflib.get_close_matches(name, SUMMARIES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ConfigError(f'there is no command "{name}".{hint} (commands: {", ".join(SUMMARIES)})')
    return EXIT_OK


def command_of(name: str) -> Callable[..., int]:
    """The function of a command; importing it imports its flags, and nothing that runs it."""
    module = import_module(MODULES.get(name, "rinzler.cli.commands"))
    command: Callable[..., int] = getattr(module, FUNCTIONS.get(name, name))
    return command


def keep_out_what_harms() -> None:
    """Let no plugin into this process that hangs, or ends it; each is tried elsewhere, once."""
    from rinzler.plugins import plugins
    from rinzler.plugins.probing import harmful

    known = plugins()
    with say_if_slow(TRYING, PATIENCE):
        for plugin, (reason, mend) in harmful(known.found).items():
            known.keep_out(plugin, reason, mend)


def _run(program: str, name: str, tokens: Sequence[str]) -> int:
    if name in LISTINGS and not tokens:
        module, _, function = LISTINGS[name].partition(":")
        code: int = getattr(import_module(module), function)()
        return code
    from rinzler.cli import parsing

    options = tokens[: tokens.index("--")] if "--" in tokens else tokens
    if "--version" in options:
        sys.stdout.write(_version())
        return EXIT_OK
    if name not in LISTINGS:
        keep_out_what_harms()
    command = command_of(name)
    hints: dict[str, parsing.WhyUnknown] = {}
    if name in LAYERED:
        from rinzler.cli.extras import with_plugin_options
        from rinzler.cli.invocation import spelt_out
        from rinzler.plugins import why_no_option

        tokens = spelt_out(tokens)
        command = with_plugin_options(command)
        hints["why_unknown"] = why_no_option
    app = parsing.make_app(command)
    if "--help" in options or "-h" in options:
        from rinzler.cli.help import render_help

        sys.stdout.write(render_help(app, command, program))
        return EXIT_OK
    layers = None
    if name in LAYERED:
        from rinzler.cli.settings import Layers

        layers = Layers(os.environ, why_no_option)
    try:
        return parsing.parse(app, program, tokens, layers=layers, **hints)()
    except (ConfigError, DataError, DivergenceError) as error:
        message = parsing.in_flags(str(error), app)
        reworded = type(error)(layers.blamed(message) if layers else message)
        reworded.__notes__ = list(getattr(error, "__notes__", ()))
        raise reworded from error


def _guarded(command: Callable[[], int]) -> int:
    speak_utf8()
    try:
        code = command()
        sys.stdout.flush()
    except RinzlerError as error:
        say(f"error: {error}")
        _say_notes(error)
        return error.exit_code
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        drop_stdout()
        return EXIT_BROKEN_PIPE
    except LeaveNow as left:
        _say_notes(left)
        return left.exit_code
    except KeyboardInterrupt:
        say("stopped")
        return EXIT_INTERRUPTED
    return code


def _say_notes(error: BaseException) -> None:
    """What those on the way up had to add."""
    for note in getattr(error, "__notes__", ()):
        say(note)


def _overview(program: str) -> str:
    lines = [f"usage: {program} COMMAND [options]", ""]
    lines += [f"  {name:<11} {summary}" for name, summary in SUMMARIES.items()]
    lines += ["", f"All options of one: {program} train --help"]
    return "\n".join(lines) + "\n"


def _version() -> str:
    from rinzler import __version__

    return f"rinzler {__version__}\n"

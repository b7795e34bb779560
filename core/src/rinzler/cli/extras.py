"""Options of plugins as flags of `rinzler-train`: what they describe, in the terms of the parser.

Each field becomes an argument of its own, in a group named after its plugin, and comes back as an
instance of the plugin's dataclass. Describing plugins imports their light modules and nothing that
computes, so the help page can have them too.
Leaves out: what may be an option (`rinzler/plugins/options.py`). Read next: `train.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from rinzler.cli.parsing import Command
from rinzler.plugins import Option, PluginOptions, plugin_options

METAVARS = (("Path", "PATH"), ("float", "X"), ("int", "N"))


def with_plugin_options(command: Command) -> Command:
    """The command with a flag for every option that a plugin adds; it gets them as `options`.

    Raises PluginError where RINZLER_STRICT_PLUGINS says that a broken plugin must not pass.
    """
    signature = inspect.signature(command, eval_str=True)
    offered = plugin_options(taken=_taken(signature))
    if not offered:
        return command

    def extended(*words: Any, **typed: Any) -> int:
        options = {each.name: each.make(_values(each, typed)) for each in offered}
        return command(*words, **typed, options=options)

    flags = [_parameter(each, option) for each in offered for option in each.options]
    parameters = [*signature.parameters.values(), *flags]
    extended.__doc__ = command.__doc__
    extended.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return extended


def plain(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options as JSON can hold them, for config.json."""
    return {
        name: {
            field: str(value) if isinstance(value, Path) else value
            for field, value in asdict(record).items()
        }
        for name, record in options.items()
    }


def _taken(signature: inspect.Signature) -> set[str]:
    """Every flag that the command may have, without asking the parser, which would take longer."""
    names = {"help", "version"}
    for parameter in signature.parameters.values():
        kind = getattr(parameter.annotation, "__origin__", None)
        names |= {each.name for each in fields(kind)} if is_dataclass(kind) else {parameter.name}
    flags = {f"--{name}".replace("_", "-") for name in names}
    return flags | {f"--no-{flag.removeprefix('--')}" for flag in flags}


def _key(option: Option) -> str:
    """The name of an option among a command's arguments: no flag of the command has it."""
    return option.flag.removeprefix("--").replace("-", "_")


def _values(offered: PluginOptions, typed: dict[str, Any]) -> dict[str, Any]:
    """Take the values of one plugin out of what was typed, by field."""
    keys = {option.field: _key(option) for option in offered.options}
    return {field: typed.pop(key) for field, key in keys.items() if key in typed}


def _parameter(offered: PluginOptions, option: Option) -> inspect.Parameter:
    kind = str(option.hint)
    parameter = Parameter(
        name=option.flag,
        group=f"Plugin {offered.name}",
        help=option.help,
        metavar=next((name for part, name in METAVARS if part in kind), "TEXT"),
    )
    return inspect.Parameter(
        _key(option),
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[option.hint, parameter],
    )

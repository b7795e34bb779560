"""Options that plugins add to `rinzler-train`: one frozen dataclass each, its fields as flags.

    @dataclass(frozen=True)
    class CsvOptions:
        every: int = field(default=0, metadata={"help": "steps between rows; 0: no file"})

offered by the plugin "csv" becomes `--csv-every N`. Every flag begins with its plugin's name, so
that authors who know nothing of each other rarely take the same one; where they do, neither
plugin's options are taken, and both are named to whoever types one.

Leaves out: the parsing (`cli/`). Read next: `corpora.py`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from rinzler.errors import ConfigError, PluginError

KINDS = (bool, int, float, str, Path)
EXPECTED = "expected bool, int, float, str or Path, or one of them | None"


@dataclass(frozen=True)
class Option:
    """One field as a flag."""

    field: str  # "every"
    flag: str  # "--csv-every"
    hint: Any  # the type as annotated: int, or int | None
    default: Any
    help: str


@dataclass(frozen=True)
class PluginOptions:
    """The options of one plugin."""

    name: str  # of the plugin: `run.options` has the values under it
    record: type  # the plugin's dataclass
    options: tuple[Option, ...]

    KIND: ClassVar[str] = "options"

    @classmethod
    def of(cls, name: str, record: object) -> PluginOptions:
        """What a dataclass means as options. Raises PluginError naming what is wrong with it."""
        if not isinstance(record, type) or not is_dataclass(record):
            raise PluginError(f"rinzler_options returned {record!r}, expected a frozen dataclass")
        if not record.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise PluginError(f"{record.__name__} can be changed, expected @dataclass(frozen=True)")
        if re.fullmatch(r"[a-z][a-z0-9_-]*", name) is None:
            raise PluginError(
                f"options need a plugin whose entry point matches [a-z][a-z0-9_-]*, got {name!r}"
            )
        hints = get_type_hints(record)
        found = tuple(_option(name, record, each, hints[each.name]) for each in fields(record))
        if not found:
            raise PluginError(f"{record.__name__} has no fields, expected one for each option")
        record()  # the defaults must pass the plugin's own check
        return cls(name, record, found)

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(option.flag for option in self.options)

    @property
    def summary(self) -> str:
        return f"adds {', '.join(self.flags)} to rinzler-train"

    def make(self, values: Mapping[str, Any]) -> Any:
        """The plugin's dataclass with these values, by field.

        Raises ConfigError, in the plugin's own words, if its `__post_init__` refuses them.
        """
        from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code

        try:
            with plugin_code():
                return self.record(**values)
        except PLUGIN_ERRORS as error:
            # A ValueError was written for whoever typed the value; anything else is a bug.
            reason = str(error) if isinstance(error, ValueError) else one_line(error)
            raise ConfigError(f"plugin {self.name}: {reason}") from error


def _option(plugin: str, record: type, field: Field[Any], hint: Any) -> Option:
    where = f"{record.__name__}.{field.name}"
    if re.fullmatch(r"[a-z][a-z0-9_]*", field.name) is None or not field.init:
        raise PluginError(f"{where} cannot be a flag, expected a field like `every`")
    kind = _kind(hint)
    if kind not in KINDS:
        raise PluginError(f"{where} is annotated {hint!r}, {EXPECTED}")
    if field.default is MISSING:
        raise PluginError(f"{where} has no default: installing a plugin must not ask for a flag")
    if not _fits(field.default, kind, hint):
        raise PluginError(f"{where} has the default {field.default!r}, expected {kind.__name__}")
    help = field.metadata.get("help")
    if not isinstance(help, str) or not help.strip():
        raise PluginError(f'{where} has no help, expected field(metadata={{"help": "..."}})')
    flag = f"--{plugin}-{field.name}".replace("_", "-")
    return Option(field.name, flag, hint, field.default, " ".join(help.split()))


def _kind(hint: Any) -> Any:
    """int of `int` and of `int | None`; anything else comes back as it is."""
    if get_origin(hint) in (Union, types.UnionType):
        rest = [each for each in get_args(hint) if each is not type(None)]
        return rest[0] if len(rest) == 1 else hint
    return hint


def _fits(default: Any, kind: type, hint: Any) -> bool:
    if default is None:
        return kind is not hint
    if kind is Path:
        return isinstance(default, Path)
    return type(default) is kind or (kind is float and type(default) is int)


def plugin_options(taken: Collection[str] = ()) -> list[PluginOptions]:
    """The options that `rinzler-train` has because plugins are installed, in order of names.

    `taken` are the command's own flags: a plugin that wants one of them is broken. Imports the
    light module of every plugin, and nothing that computes.
    """
    from rinzler.plugins.manager import plugins

    known = plugins()
    known.check_strict()
    known.describe()
    offers = known.offers("options")
    for offer in offers:
        own = [option for option in offer.info.options if option.flag in taken]
        if own:
            offer.status.become(
                "broken",
                f"{own[0].flag} is a flag of rinzler-train itself; the field {own[0].field!r} of "
                f"{offer.info.record.__name__} needs another name",
                f"pip install --upgrade {offer.plugin.distribution}",
            )
    usable = [each for each in offers if each.status.state == "ready" and not known.clash(each)]
    return sorted((each.info for each in usable), key=lambda info: info.name)


def why_no_option(typed: str) -> str:
    """Why a flag that begins with a plugin's name is not there; empty if no plugin explains it."""
    from rinzler.plugins.manager import plugins

    known = plugins()
    known.describe()
    for plugin in sorted(known.found, key=lambda each: (each.name, each.distribution)):
        stem = re.escape(plugin.name.replace("_", "-"))
        if re.match(rf"--(no-)?{stem}(-|$)", typed) is None:
            continue
        status = plugin.status
        if status.state in ("broken", "blocked"):
            return f"plugin {plugin.name} ({plugin}) is {status.state}: {status.reason}"
        for offer in plugin.offers:
            reason = offer.status.reason or known.clash(offer)
            if offer.kind == PluginOptions.KIND and reason:
                return f"plugin {plugin.name} ({plugin}): {reason}"
    return ""

"""Telling plugins what happens in a run, without letting them disturb it.

`emit("rinzler_train_start", run=run, step=0)` calls every implementation of that hook. They get
numbers and paths of the host, never tensors. One that raises costs a line on stderr, and its
plugin hears nothing more in this process: a broken logger must not end a night's training.

Leaves out: the hooks themselves (`hookspecs.py`). Read next: `corpora.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from rinzler.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path


OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True)
class RunInfo:
    """What event hooks may know of a run: where it lives and how it was configured. Read-only."""

    directory: Path
    config: Mapping[str, object]
    options: Mapping[str, object] = field(default_factory=dict)  # by plugin, what was typed for it

    def __post_init__(self) -> None:
        # A copy behind a read-only view: neither side changes the other's.
        object.__setattr__(self, "config", MappingProxyType(dict(self.config)))
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def options_of(self, record: type[OptionsT]) -> OptionsT:
        """What was typed for the options that a plugin offers as `record`; else its defaults."""
        return next((each for each in self.options.values() if type(each) is record), record())


def emit(hook: str, **facts: object) -> None:
    """Call every implementation of an event hook with the arguments that it asks for.

    Raises PluginError only for a hook or facts that `hookspecs.py` does not have, and, with
    RINZLER_STRICT_PLUGINS set, for a plugin that is broken.
    """
    for _ in _answers(hook, facts):
        pass


def first_answer(hook: str, **facts: object) -> tuple[str, object] | None:
    """The first answer to a question that is not None, behind the name of the plugin that gave it.

    Treats what goes wrong as `emit` does.
    """
    answers = ((name, answer) for name, answer in _answers(hook, facts) if answer is not None)
    return next(answers, None)


def _answers(hook: str, facts: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Call one implementation after the other; (plugin, what it returned)."""
    from rinzler.plugins.loading import PLUGIN_ERRORS
    from rinzler.plugins.manager import plugins

    known = plugins()
    _check_facts(hook, facts)
    for plugin, implementation in known.listeners(hook):
        try:
            answer = implementation.function(*[facts[name] for name in implementation.argnames])
        except PLUGIN_ERRORS as error:
            known.silence(plugin, hook, error)
            _warn(
                f"plugin {plugin.name} ({plugin}): {plugin.events.reason}; "
                "it hears no more events in this process"
            )
            known.check_strict()
        else:
            yield plugin.name, answer


def _warn(line: str) -> None:
    import logging  # start-up does without it; unless configured otherwise it writes to stderr

    logging.getLogger("rinzler").warning("%s", line)


def _check_facts(hook: str, facts: Mapping[str, object]) -> None:
    import inspect

    from rinzler.plugins import hookspecs
    from rinzler.plugins.describe import ASKED

    spec = getattr(hookspecs, hook, None)
    if spec is None or hook in ASKED or not hasattr(spec, "rinzler_spec"):
        raise PluginError(f"emit: there is no event {hook!r}; see rinzler.plugins.hookspecs")
    expected = list(inspect.signature(spec).parameters)
    if sorted(facts) != sorted(expected):
        raise PluginError(f"emit: {hook} got {sorted(facts)}, expected {expected}")

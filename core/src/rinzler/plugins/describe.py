"""Stage 1, *described*: import one light module, register its hooks, keep what it offers.

pluggy has a loader for entry points, which is not used, nor is `pm.hook.rinzler_backends()`: both
stop at the first plugin that raises, and some versions leave a plugin registered that asked for
an argument no hook has. Here every plugin is loaded, registered and asked alone; what goes wrong
is kept in its status, and the plugin is unregistered.

Leaves out: whether an offer can be used here (`checks.py`). Read next: `checks.py`.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rinzler.errors import PluginError
from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code
from rinzler.plugins.model import Offer, Plugin
from rinzler.plugins.options import PluginOptions
from rinzler.plugins.records import BackendInfo, CorpusInfo, TokenizerInfo

if TYPE_CHECKING:
    import pluggy
    from pluggy import HookImpl

# The hooks that return records, called here with nothing; all hooks but ASKED are events.
RECORDS: dict[str, type[BackendInfo] | type[CorpusInfo] | type[TokenizerInfo]] = {
    "rinzler_backends": BackendInfo,
    "rinzler_corpora": CorpusInfo,
    "rinzler_tokenizers": TokenizerInfo,
}
OPTIONS = "rinzler_options"
MOST = 1000  # records of one hook
ASKED = (*RECORDS, OPTIONS)


def new_manager() -> pluggy.PluginManager:
    """A pluggy manager that knows Rinzler's hooks and no plugin."""
    import pluggy

    from rinzler.plugins import hookspecs

    manager = pluggy.PluginManager("rinzler")
    manager.add_hookspecs(hookspecs)
    return manager


def describe(plugin: Plugin, manager: pluggy.PluginManager) -> None:
    """Bring a found plugin to `ready` or `broken`. Never raises what the plugin raises."""
    stage = f"importing {plugin.value}"
    try:
        with plugin_code():
            module = plugin.load()
            stage = "registering its hooks"
            hooks = _register(plugin, module, manager)
            for hook in ASKED:
                stage = f"calling {hook}"
                plugin.offers += _offers(plugin, hook, hooks.get(hook, ()))
    except PLUGIN_ERRORS as error:
        _fail(plugin, manager, stage, error)
        return
    plugin.listens = tuple(sorted(hook for hook in hooks if hook not in ASKED))
    plugin.status.become("ready")
    plugin.events.become("ready")
    for offer in plugin.offers:
        if offer.kind != "backend":  # whether a backend runs here is asked later
            offer.status.become("ready")


def _fail(plugin: Plugin, manager: pluggy.PluginManager, stage: str, error: BaseException) -> None:
    if manager.get_plugin(plugin.key) is not None:
        manager.unregister(name=plugin.key)
    plugin.offers = []
    reason = one_line(error)
    if not isinstance(error, PluginError):
        reason = f"{stage} raised {reason}"
    plugin.status.become("broken", reason, f"pip install --upgrade {plugin.distribution}", error)


def _register(
    plugin: Plugin, module: object, manager: pluggy.PluginManager
) -> dict[str, list[HookImpl]]:
    """Register the plugin's object; return its implementations by hook.

    Raises PluginError for what pluggy lets pass: misspelt hooks, wrappers, forgotten decorators,
    the same object twice.
    """
    if module is None:
        raise PluginError(f"{plugin.value} is None, expected a module with hooks")
    if manager.is_registered(module):
        raise PluginError(f"{plugin.value} is registered already, by another entry point")
    manager.register(module, plugin.key)
    known = sorted(vars(manager.hook))
    known = [name for name in known if getattr(manager.hook, name).has_spec()]
    _check_decorated(plugin, module, known)
    hooks = {}
    for caller in manager.get_hookcallers(module) or []:
        own = [each for each in caller.get_hookimpls() if each.plugin is module]
        if any(each.wrapper or each.hookwrapper for each in own):
            raise PluginError(f"{caller.name} is a hook wrapper; Rinzler calls plain ones only")
        if caller.has_spec():
            hooks[caller.name] = own
        elif not all(each.optionalhook for each in own):
            raise PluginError(_unknown_hook(caller.name, known))
    if not hooks:
        raise PluginError(f"{plugin.value} implements no hook; expected one of {', '.join(known)}")
    return hooks


def _check_decorated(plugin: Plugin, module: object, known: list[str]) -> None:
    for name in known:
        function = getattr(module, name, None)
        if isinstance(function, types.FunctionType) and not hasattr(function, "rinzler_impl"):
            raise PluginError(f"{plugin.value}: {name} lacks its @rinzler.plugins.hookimpl")


def _unknown_hook(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
    return f"there is no hook {name}; {hint}"


def _offers(plugin: Plugin, hook: str, implementations: Sequence[HookImpl]) -> list[Offer[Any]]:
    """What one hook of one plugin returns, checked. Raises PluginError for anything else."""
    infos: list[Any] = []
    for implementation in implementations:
        answer = implementation.function()
        if answer is None:  # pluggy's way to say "nothing from me"
            continue
        if hook == OPTIONS:
            infos.append(PluginOptions.of(plugin.name, answer))
        else:
            infos.extend(_records(hook, answer, RECORDS[hook]))
    names = [info.name for info in infos]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"{hook} offers {name!r} twice; expected one record per name")
    return [Offer(plugin, info) for info in infos]


def _records(hook: str, answer: object, kind: type) -> Iterator[object]:
    if isinstance(answer, kind):
        answer = (answer,)
    expected = f"expected an iterable of {kind.__name__}"
    if not isinstance(answer, Iterable):
        raise PluginError(f"{hook} returned {answer!r} ({type(answer).__name__}), {expected}")
    for number, item in enumerate(answer):
        if number == MOST:
            raise PluginError(f"{hook} returned more than {MOST} records; it may never end")
        if not isinstance(item, kind):
            got = f"{item!r} ({type(item).__name__})"
            raise PluginError(f"{hook} returned {got} among its records, {expected}")
        yield item

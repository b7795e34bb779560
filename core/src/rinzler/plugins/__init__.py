"""Plugins: where backends, texts and listeners come from.

Three stages, each cheaper to be wrong in than the next: *found* in metadata, *described* by a
light module, *open* once chosen. A plugin that is broken in any of them is listed with its reason
by `rinzler backends` and disturbs nothing else. Installing a plugin means trusting it: its light
module runs whenever plugins are listed.

To write one, import `hookimpl` and the records from here. Read next: `records.py`.
"""

from typing import TYPE_CHECKING, Any

from rinzler.plugins.corpora import list_corpora, load_corpus
from rinzler.plugins.events import RunInfo, emit, first_answer
from rinzler.plugins.options import Option, PluginOptions, plugin_options, why_no_option
from rinzler.plugins.records import BackendInfo, CorpusInfo, TokenizerInfo
from rinzler.plugins.select import (
    Choice,
    choose_backend,
    current_device,
    list_devices,
    open_device,
    other_backends,
    ready_backends,
    use,
)
from rinzler.plugins.tokenizers import (
    find_tokenizer,
    list_tokenizers,
    load_tokenizer,
    train_tokenizer,
)

if TYPE_CHECKING:
    from rinzler.plugins.hookspecs import hookimpl
    from rinzler.plugins.manager import plugins
    from rinzler.plugins.model import PluginReport

__all__ = [
    "BackendInfo",
    "Choice",
    "CorpusInfo",
    "Option",
    "PluginOptions",
    "PluginReport",
    "RunInfo",
    "TokenizerInfo",
    "choose_backend",
    "current_device",
    "emit",
    "find_tokenizer",
    "first_answer",
    "hookimpl",
    "list_corpora",
    "list_devices",
    "list_tokenizers",
    "load_corpus",
    "load_tokenizer",
    "open_device",
    "other_backends",
    "plugin_options",
    "plugins",
    "ready_backends",
    "train_tokenizer",
    "use",
    "why_no_option",
]

# What brings pluggy along, or is only for listings, is imported when it is first asked for.
_LATER = {"hookimpl": "hookspecs", "plugins": "manager", "PluginReport": "model"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)

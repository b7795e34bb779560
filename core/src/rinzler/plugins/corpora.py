"""Texts that installed packages bring along, by name.

A corpus plugin describes its texts with `rinzler_corpora`; nothing is read before somebody asks.
`load_corpus` returns (title, text) pairs and checks them: the loader is a stranger's code.

Leaves out: texts in files, which need no plugin. Read next: `tokenizers.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from rinzler.errors import DataError
from rinzler.plugins.records import CorpusInfo


def list_corpora() -> list[CorpusInfo]:
    """Every corpus that a plugin offers under a name of its own, sorted by name."""
    from rinzler.plugins.manager import plugins

    return plugins().infos("corpus")


def load_corpus(name: str) -> list[tuple[str, str]]:
    """The (title, text) pairs of a corpus, in its own fixed order.

    Raises DataError, chained to what the loader raised, if nobody offers the name or the loader
    does not deliver.
    """
    from rinzler.plugins.loading import PLUGIN_ERRORS, one_line, plugin_code, resolve
    from rinzler.plugins.manager import plugins

    offer = plugins().find("corpus", name)
    try:
        with plugin_code():
            pairs = list(resolve(offer.info.loader)())
    except DataError:  # the loader knows what is wrong and what to type
        raise
    except PLUGIN_ERRORS as error:
        mend = f"pip install --upgrade {offer.plugin.distribution}"
        reason = one_line(error)
        offer.status.become("failed", reason, mend, error)
        raise DataError(
            f'corpus "{name}" ({offer.plugin}) could not be loaded: {reason}. {mend}'
        ) from error
    _check_pairs(name, pairs)
    return pairs


def _check_pairs(name: str, pairs: Iterable[object]) -> None:
    expected = "expected (title, text) pairs of strings"
    found = False
    for pair in pairs:
        found = True
        if not _is_pair(pair):
            raise DataError(f'corpus "{name}": its loader returned {str(pair)[:80]!r}, {expected}')
    if not found:
        raise DataError(f'corpus "{name}": its loader returned nothing, {expected}')


def _is_pair(pair: object) -> bool:
    if not isinstance(pair, tuple) or len(pair) != 2:
        return False
    return all(isinstance(part, str) for part in pair)

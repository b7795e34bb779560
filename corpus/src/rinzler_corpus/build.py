"""The corpus of the first run: the Python documentation on this disk, as a list of documents.

A model that learns Python from the Python that runs it. Nothing is downloaded and nobody's text is
shipped: `sources.py` reads what the installation carries, `cleaning.py` keeps what is worth
learning, and this file sets it in order. The same Python gives the same bytes, in every process.

Both kinds of documents, chapters of the language reference and modules of the library, stand in
one alphabet, so that whatever stretch of it is held back for validation has some of both.

Read next: `cache.py`, which makes the second call fast.
"""

from __future__ import annotations

import sysconfig
import textwrap
from pathlib import Path

from rinzler.errors import DataError
from rinzler_corpus import cache
from rinzler_corpus.cleaning import Cleaner
from rinzler_corpus.sources import Entry, read_modules, read_topics

Document = tuple[str, str]  # (name, text): ("help/assert", "The \"assert\" statement\n...")

INDENT = "   "  # as deep as the language reference sets a description below its signature


def load() -> list[Document]:
    """The documents, from the cache where it holds them and built anew where it does not.

    Raises:
        DataError: this Python carries no documentation in source form.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    path = cache.path_for(stdlib)
    documents = cache.read(path)
    if documents is None:
        documents = build(stdlib)
        cache.write(path, documents)
    return documents


def build(stdlib: Path) -> list[Document]:
    """Read, clean and order the documentation below `stdlib`. Takes about three seconds.

    Names are "help/assert" for a topic of `help()`, "textwrap" for a module.

    Raises:
        DataError: there is none.
    """
    cleaner = Cleaner()
    sources: list[tuple[str, list[Entry]]] = list(read_modules(stdlib))
    sources += [(f"help/{name}", [Entry("", text)]) for name, text in read_topics(stdlib)]
    documents = []
    for name, entries in sorted(sources, key=in_one_alphabet):
        text = document_text(name, entries, cleaner)
        if text:
            documents.append((name, text))
    if not documents:
        raise DataError(
            f"this Python carries no documentation to train on: found no text in "
            f"{stdlib / 'pydoc_data' / 'topics.py'} and no docstring in {stdlib / '**' / '*.py'}. "
            f"Name a text of your own: rinzler-train YOUR_TEXT.txt"
        )
    return documents


def in_one_alphabet(source: tuple[str, list[Entry]]) -> tuple[str, str]:
    """Sort key: "help/assert", "ast", "help/async", "asyncio"."""
    name, _entries = source
    return name.rpartition("/")[2].lower(), name


def document_text(name: str, entries: list[Entry], cleaner: Cleaner) -> str:
    """The cleaned entries below each other, in the layout of the reference; "" if none is left.

    A topic brings its title along. A module gets one like it, so that all documents open alike.
    """
    parts = []
    for entry in entries:
        text = cleaner.clean(entry.text) if entry.heading.isascii() else ""
        if text and entry.heading:
            parts += [entry.heading, textwrap.indent(text, INDENT)]
        elif text:
            parts.append(text)
    if not parts:
        return ""
    if not name.startswith("help/"):
        parts.insert(0, f"{name}\n{'*' * len(name)}")
    return "\n\n".join(parts) + "\n"

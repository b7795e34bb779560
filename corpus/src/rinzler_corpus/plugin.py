"""What core sees of this distribution: one text, by name, and where its loader is.

The entry point `corpus` of the group `rinzler` names this module. It is imported whenever plugins
are listed, so it stays light: the loader is a string, and `build.py` is imported when it is called.
Read next: `build.py`.
"""

from __future__ import annotations

from rinzler.plugins import CorpusInfo, hookimpl


@hookimpl
def rinzler_corpora() -> list[CorpusInfo]:
    """The one text on offer."""
    return [
        CorpusInfo(
            name="python",
            loader="rinzler_corpus.build:load",
            summary="the Python documentation on your disk",
            license="PSF-2.0",
        )
    ]

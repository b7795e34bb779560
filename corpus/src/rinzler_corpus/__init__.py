"""Rinzler's embedded corpus: a model learns Python from the Python on your disk.

A small distribution of its own, found by its entry point like any other plugin. It is what
`rinzler-train` trains on when nobody names a text.

Reading order: `plugin.py` (what core sees of it), `sources.py` (find and read), `cleaning.py`
(what is worth learning), `build.py` (in which order), `cache.py` (only once).
"""

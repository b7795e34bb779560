"""Rinzler's reference backend: every kernel in plain numpy, float32 and float64.

Written to be read, and to be what faster backends are compared with. Rinzler finds it by its entry
point; nothing needs to import it. Read next: `plugin.py`, then `backend.py`.
"""

__version__ = "0.1.0"

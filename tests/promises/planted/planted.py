"""`Planted`: the numpy backend, to be spoiled. Read next: `bugs_in_storage.py`."""

from __future__ import annotations

from collections.abc import Callable

from rinzler.conformance.altered import Altered
from rinzler.plugins import open_device

GOOD = open_device("numpy").backend
Kernel = Callable[..., None]


class Planted(Altered):
    """The numpy backend, to be spoiled."""

    def __init__(self, **replaced: Kernel) -> None:
        super().__init__(GOOD, replaced=replaced)

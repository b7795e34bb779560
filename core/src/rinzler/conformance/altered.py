"""`Altered`: a backend as another one, but for some kernels, which are left out or replaced.

With kernels left out it shows that a fused forward meets a default backward and the reverse; with
kernels replaced by wrong ones it shows that the table finds them. Read next: `run.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from rinzler.ops import Backend
from rinzler.ops.spec import Specs


class Altered(Backend):
    """The storage and kernels of `inner`, without some and with others in their place."""

    def __init__(
        self,
        inner: Backend,
        without: Collection[str] = (),
        replaced: Mapping[str, Callable[..., None]] | None = None,
    ) -> None:
        self.inner = inner
        self.name = f"{inner.name} (altered)"
        self.caps = inner.caps
        kept = {name: kernel for name, kernel in inner.kernels.items() if name not in without}
        self.kernels = kept | dict(replaced or {})

    def alloc(self, nbytes: int) -> Any:
        return self.inner.alloc(nbytes)

    def view(self, buffer: Any, offset: int, shape: tuple[int, ...], dtype: str) -> Any:
        return self.inner.view(buffer, offset, shape, dtype)

    def upload(self, handle: Any, host: np.ndarray) -> None:
        self.inner.upload(handle, host)

    def download(self, handle: Any, host: np.ndarray) -> None:
        self.inner.download(handle, host)

    def synchronize(self) -> None:
        self.inner.synchronize()

    def supports(self, op: str, specs: Specs) -> bool:
        return self.inner.supports(op, specs)

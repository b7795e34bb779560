"""Random numbers as an op: `random_uniform`, from a counter and not from a state.

The key is an int32 buffer (see `rinzler.philox.Key.words`), because seed, stream and step change
while a recorded step stays; `site` tells the call sites of one step apart and is fixed. A backend
without the kernel gets the numbers made on the host: the same bits, by the same formula.
Read next: `rinzler.tensor`, which gives all these ops a history.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rinzler.errors import DtypeError
from rinzler.ops.backend import Backend
from rinzler.ops.dispatch import call
from rinzler.ops.spec import OpSpec, Spec, Specs, expect_shape, register
from rinzler.philox import Key, uniform

KEY_WORDS = 4


def _infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    (key,) = specs
    expect_shape("random_uniform", "key", key, (KEY_WORDS,), "philox key words")
    if key.dtype != "int32":
        raise DtypeError(f"random_uniform: key is {key.dtype}, expected int32")
    return (Spec(tuple(attrs["shape"]), attrs["dtype"]),)


def _default(backend: Backend, out: Any, key: Any, *, shape: Any, dtype: str, site: int) -> None:
    words = np.empty(KEY_WORDS, np.int32)
    backend.download(key, words)
    backend.upload(out, uniform(Key.from_words(words, site), shape, dtype))


def random_uniform(key: Any, shape: tuple[int, ...], dtype: str, site: int) -> Any:
    """Numbers in [0, 1) of `shape`, element i depending on (key, site, i) alone."""
    return call("random_uniform", key, shape=shape, dtype=dtype, site=site)


register(
    OpSpec(
        "random_uniform",
        ("key",),
        ("y",),
        """
        Forward   y[i] = (word i of Philox4x32-10 at (key, site)) >> 8, times 2⁻²⁴: in [0, 1).
        Gradient  none: it does not depend on anything differentiable.
        Hazard    two call sites with one number would draw the same mask: sites must differ.
        """,
        _infer,
        None,
        _default,
        host=True,
    )
)

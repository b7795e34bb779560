"""random_uniform: every element from its own number, by Philox, the same bits as on any backend.

`site` is fixed where the call stands in a program; what changes from step to step is in the key's
memory. Read next: `matmul.py`; the generator stands in `rinzler.philox`.
"""

from __future__ import annotations

from rinzler_vulkan.call import Call, flat, pieces
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.elementwise import EACH, piece_of
from rinzler_vulkan.memory import Memory

WORDS = 4  # of a block


def random_uniform(
    caps: DeviceCaps, y: Memory, key: Memory, *, shape: tuple[int, ...], dtype: str, site: int
) -> list[Call]:
    return [
        Call(
            "random_uniform",
            (piece_of(y, start, size), key),
            flat(size, EACH),
            push={"n": size, "first": start // WORDS, "site": site},
        )
        for start, size in pieces(caps, y.size)
    ]


KERNELS = {"random_uniform": random_uniform}

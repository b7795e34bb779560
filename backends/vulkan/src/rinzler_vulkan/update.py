"""adamw: parameters, moments and gradients of a flat buffer in one pass.

Rates, the clipping scale and the word whether to step at all are in memory, since a recorded step
must not freeze them. Read next: `random.py`; the formula stands in `rinzler.ops.update`.
"""

from __future__ import annotations

from rinzler_vulkan.call import Call, flat, pieces
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.elementwise import EACH
from rinzler_vulkan.memory import Memory


def adamw(
    caps: DeviceCaps,
    p: Memory,
    m: Memory,
    v: Memory,
    g: Memory,
    hyper: Memory,
    scale: Memory,
    ok: Memory,
) -> list[Call]:
    arrays = (p, m, v, g)
    return [
        Call(
            "adamw",
            (*(x if size == p.size else x.part(start, size) for x in arrays), hyper, scale, ok),
            flat(size, EACH),
            push={"n": size},
        )
        for start, size in pieces(caps, p.size)
    ]


KERNELS = {"adamw": adamw}

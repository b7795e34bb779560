"""gelu, its backward, and relu: elementwise, each in one pass.

Arrays longer than a shader may see at once are taken in pieces. Read next: `normalization.py`; the
formulas stand in `rinzler.ops.activation`.
"""

from __future__ import annotations

from functools import partial

from rinzler_vulkan.call import Call, flat, pieces
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.elementwise import EACH
from rinzler_vulkan.memory import Memory


def activation(shader: str, caps: DeviceCaps, *operands: Memory) -> list[Call]:
    """Operands of one size, the output first; so a piece of one element is a piece as well."""
    whole = operands[0].size
    return [
        Call(
            shader,
            operands if size == whole else [x.part(start, size) for x in operands],
            flat(size, EACH),
            push={"n": size},
        )
        for start, size in pieces(caps, whole)
    ]


KERNELS = {op: partial(activation, op) for op in ("gelu", "gelu_bwd", "relu")}

"""Operands that an op meets in a small GPT: what `rinzler backends -v` shows kernel variants for.

A kernel picks its variant by the device and by shapes, and is a function without side effects. So
the variant that an op would take is found by calling it with operands of a typical size and looking
at the `Call`s: nothing is said twice, and nothing can be out of date.

B batch, T time, C width, F = 4C, H heads, D head size, V vocabulary, N = B·T rows, P parameters.
Read next: `facts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from rinzler_vulkan.call import Call, as_list
from rinzler_vulkan.memory import Memory

B, T, C, H, V = 8, 128, 64, 4, 1000
N, D, F, P = B * T, C // H, 4 * C, 1 << 18
ENDLESS = 1 << 40  # bytes

Shape = tuple[int, ...]


class Ids(tuple[int, ...]):
    """A shape of int32 operands; all others are float32."""

    __slots__ = ()


ROWS, WIDE, LOGITS, ONE, LINE = (N, C), (N, F), (N, V), (1,), (N,)
QKV, HEADS, LSE, CACHE = (B, T, 3 * C), (B, T, C), (B, H, T), (B, H, T, D)
FLIPPED = {
    "shape": (C, N),
    "out_strides": (N, 1),
    "out_offset": 0,
    "x_strides": (1, C),
    "x_offset": 0,
}

# op: (outs and ins as a kernel gets them, attributes)
SAMPLES: dict[str, tuple[Sequence[Shape], Mapping[str, Any]]] = {
    **{op: ((WIDE, WIDE, WIDE), {}) for op in ("add", "sub", "mul", "div", "maximum", "less")},
    **{op: ((WIDE, WIDE), {}) for op in ("exp", "log", "sqrt", "tanh", "gelu", "relu")},
    "gelu_bwd": ((WIDE, WIDE, WIDE), {}),
    "where": ((WIDE, WIDE, WIDE, WIDE), {}),
    "fill": ((WIDE,), {"value": 0.0}),
    "move": (((C, N), ROWS), FLIPPED),
    "sum_rows": ((LINE, ROWS), {}),
    "max_rows": ((LINE, ROWS), {}),
    "sum_cols": (((C,), ROWS), {}),
    "sumsq": ((ONE, (P,)), {}),
    "matmul": ((WIDE, ROWS, (C, F)), {}),
    "linear": ((WIDE, ROWS, (C, F), (F,)), {}),
    "linear_gelu": ((WIDE, WIDE, ROWS, (C, F), (F,)), {}),
    "linear_bwd": ((ROWS, (C, F), (F,), ROWS, (C, F), WIDE), {}),
    "softmax": ((LOGITS, LOGITS), {}),
    "softmax_bwd": ((LOGITS, LOGITS, LOGITS), {}),
    "log_softmax": ((LOGITS, LOGITS), {}),
    "log_softmax_bwd": ((LOGITS, LOGITS, LOGITS), {}),
    "layer_norm": ((ROWS, LINE, LINE, ROWS, (C,), (C,)), {"eps": 1e-5}),
    "layer_norm_bwd": ((ROWS, (C,), (C,), ROWS, (C,), LINE, LINE, ROWS), {}),
    "attention": ((HEADS, LSE, QKV), {"heads": H}),
    "attention_bwd": ((QKV, QKV, HEADS, LSE, HEADS), {"heads": H}),
    "attention_cached": (
        ((B, 1, C), CACHE, CACHE, (B, 1, 3 * C), Ids(ONE)),
        {"heads": H},
    ),
    "take_rows": ((ROWS, (V, C), Ids(LINE)), {}),
    "add_rows": (((V, C), Ids(LINE), ROWS), {}),
    "cross_entropy": ((ONE, LINE, LOGITS, Ids(LINE)), {}),
    "cross_entropy_bwd": ((LOGITS, LOGITS, Ids(LINE), LINE, ONE), {}),
    "random_uniform": ((WIDE, Ids((4,))), {"shape": WIDE, "dtype": "float32", "site": 0}),
    "adamw": (((P,), (P,), (P,), (P,), (7,), ONE, ONE), {}),
}


def calls_of(plan: Any, op: str) -> Sequence[Call]:
    """The calls that a kernel, bound to its device's caps, makes of the sample operands."""
    shapes, attrs = SAMPLES[op]
    nowhere: Any = SimpleNamespace(start=0, nbytes=ENDLESS)
    operands = [
        Memory(nowhere, 0, shape, "int32" if isinstance(shape, Ids) else "float32")
        for shape in shapes
    ]
    return as_list(plan(*operands, **attrs))

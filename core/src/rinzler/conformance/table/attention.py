"""Cases of causal attention: one position, two, odd lengths, tile edges, odd heads, one head.

Read next: `cached.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.conformance.bounded import PRECISIONS, Bounded
from rinzler.conformance.case import Case, Values, case, derived, every, floats, normal
from rinzler.conformance.reference.attention import attention

SIZES: tuple[tuple[int, int, int, int], ...] = (  # B, T, H, D
    (1, 1, 1, 1),
    (3, 1, 2, 5),
    (1, 2, 1, 3),
    (2, 7, 3, 5),
    (1, 33, 2, 7),
    (2, 31, 1, 8),
    (1, 32, 4, 16),
    (3, 5, 2, 1),
    (1, 17, 5, 4),
    (1, 127, 1, 3),
    (1, 128, 2, 4),
    (1, 129, 3, 5),
)


def both(name: str, b: int, t: int, h: int, d: int, values: Values, marks: Any) -> list[Case]:
    def output(index: int) -> Values:
        def of(qkv: Any, *rest: Any) -> Any:
            exact = Bounded.exact(qkv, PRECISIONS["float64"])
            return attention((), exact, heads=h)[index].value

        return derived(of)

    qkv = floats((b, t, 3 * h * d), values)
    y = floats((b, t, h * d), output(0))
    lse = floats((b, h, t), output(1))
    g = floats((b, t, h * d))
    marks = [*marks, *(["one"] if b == t == h == d == 1 else [])]
    return [
        case("attention", name, qkv, heads=h, marks=marks),
        case("attention_bwd", name, qkv, y, lse, g, heads=h, marks=marks),
    ]


CASES = [
    row
    for sizes in SIZES
    for row in both("{}x{}x{}x{}".format(*sizes), *sizes, values=normal(), marks=[])
]
CASES += both("large-1x7x2x5", 1, 7, 2, 5, normal(15.0), ["extreme"])
CASES += both("constant-1x33x1x5", 1, 33, 1, 5, every(0.5), ["repeats"])

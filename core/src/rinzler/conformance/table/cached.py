"""Cases of attention to caches: one new position and several, at the start, amid and at the end.

Places of the caches that nobody has written yet hold NaN: a kernel that lets one count shows it.
Read next: `update.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from rinzler.conformance.case import Case, Values, case, floats, integers, listed, normal

# B, N new, T, H, D, and the position of each sequence
SIZES: tuple[tuple[int, int, int, int, int, tuple[int, ...]], ...] = (
    (1, 1, 1, 1, 1, (0,)),
    (1, 1, 7, 1, 3, (0,)),
    (1, 1, 7, 2, 5, (6,)),
    (3, 1, 7, 2, 5, (4, 0, 6)),
    (1, 1, 129, 3, 5, (127,)),
    (2, 1, 128, 2, 32, (31, 32)),
    (1, 1, 33, 2, 16, (15,)),
    (5, 1, 40, 1, 20, (39, 16, 17, 0, 1)),
    (1, 5, 5, 1, 4, (0,)),
    (2, 5, 40, 2, 7, (0, 35)),
    (2, 17, 50, 3, 16, (33, 5)),
    (1, 31, 64, 1, 8, (32,)),
    (1, 33, 33, 2, 4, (0,)),
    (1, 127, 129, 1, 3, (2,)),
)


def cached(
    b: int, n: int, t: int, h: int, d: int, position: Sequence[int], values: Values, name: str = ""
) -> Case:
    def filled(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
        """What is known so far, then NaN."""
        cache = values(rng, shape, earlier)
        for row, past in zip(cache, position, strict=True):
            row[:, past:] = nan
        return cache

    name = name or f"{b}x{n}x{t}x{h}x{d}-at-" + "-".join(map(str, position))
    caches = {k: floats((b, h, t, d), filled) for k in (1, 2)}
    marks = ["one"] if t == h == d == 1 else ["several"] if n > 1 else []
    qkv = floats((b, n, 3 * h * d), values)
    where = integers((b,), listed(*position))
    return case("attention_cached", name, qkv, where, reads=caches, marks=marks, heads=h)


CASES = [cached(*sizes, values=normal()) for sizes in SIZES]
CASES += [cached(1, 1, 9, 2, 5, (6,), normal(15.0), "large-1x1x9x2x5-at-6")]

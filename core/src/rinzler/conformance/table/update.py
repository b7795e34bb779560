"""Cases of AdamW and of the uniform random numbers.

AdamW: first and later steps, with and without decay, large rates, where a decay at the wrong place
shows, scaled gradients, tiny and large ones, and a step that must not happen (ok = 0) though its
gradient is NaN. Read next: `../run.py`.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

from rinzler.conformance.case import (
    FLOAT,
    Case,
    Values,
    case,
    every,
    floats,
    integers,
    listed,
    normal,
    shape_name,
)

# --- adamw ------------------------------------------------------------------------------------

# lr, beta1, beta2, eps, weight decay, 1 − beta1ᵗ, 1 − beta2ᵗ; the last two at t = 1 and t = 100.
FIRST = (1e-3, 0.9, 0.999, 1e-8, 0.1, 0.1, 0.001)
LATER = (3e-4, 0.9, 0.99, 1e-8, 0.0, 0.99997, 0.634)
# Large enough for what is of the order of lr²·decay or eps to stand out of float32's roundings.
COARSE = (0.25, 0.9, 0.99, 0.125, 0.5, 0.19, 0.0199)

drawn = normal()


def adamw(
    name: str,
    shape: tuple[int, ...],
    hyper: tuple[float, ...] = LATER,
    g: Values = drawn,
    scale: float = 1.0,
    ok: float = 1.0,
    started: bool = True,
    marks: tuple[str, ...] = (),
) -> Case:
    numbers = floats((7,), listed(*hyper))
    flags = [floats((), every(value)) for value in (scale, ok)]
    m, v = (normal(0.1), squared) if started else (every(0.0), every(0.0))
    reads = {0: floats(shape), 1: floats(shape, m), 2: floats(shape, v)}
    return case("adamw", name, floats(shape, g), numbers, *flags, reads=reads, marks=marks)


def squared(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
    """What a running mean of g² may be."""
    return rng.uniform(0.01, 2.0, shape)


STEPS = [
    adamw("1", (1,), marks=("one",)),
    adamw("scalar", (), FIRST, started=False, marks=("one",)),
    *(adamw(shape_name(shape), shape) for shape in ((7,), (31,), (32,), (33,), (129,), (5, 7))),
    adamw("1031", (1031,), FIRST),
    adamw("first-33", (33,), FIRST, started=False),
    adamw("coarse-33", (33,), COARSE),
    adamw("coarse-1031", (1031,), COARSE),
    adamw("clipped-33", (33,), scale=0.037),
    adamw("zero-gradient-7", (7,), FIRST, every(0.0), started=False),
    adamw("tiny-gradient-7", (7,), FIRST, normal(1e-9), started=False, marks=("extreme",)),
    adamw("large-gradient-7", (7,), FIRST, normal(1e12), marks=("extreme",)),
    adamw("not-ok-33", (33,), ok=0.0),
    adamw("not-ok-nan-7", (7,), g=every(nan), ok=0.0, marks=("extreme",)),
    adamw("not-ok-inf-scale-nan-7", (7,), g=every(inf), scale=nan, ok=0.0, marks=("extreme",)),
]

# --- random_uniform ---------------------------------------------------------------------------

LOWEST, HIGHEST = -(2**31), 2**31 - 1  # words are uint32 bits in an int32 array
KEYS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("zeros", (0, 0, 0, 0)),
    ("ones", (-1, -1, -1, -1)),
    ("mixed", (LOWEST, HIGHEST, 12345, 3 << 16)),
)
DRAWN: tuple[tuple[int, ...], ...] = (
    *((), (1,), (3,), (4,), (5,), (7,), (33,), (128,), (129,)),
    *((5, 7), (3, 5, 7), (1031,)),
)


def draw(name: str, shape: tuple[int, ...], words: Values, site: int) -> Case:
    marks = ["one"] if shape in ((), (1,)) else []
    key = integers((4,), words)
    return case("random_uniform", name, key, shape=shape, dtype=FLOAT, site=site, marks=marks)


def any_words(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
    return rng.integers(LOWEST, HIGHEST, shape)


DRAWS = [
    *(draw(shape_name(shape), shape, any_words, 5) for shape in DRAWN),
    *(draw(f"key-{name}-7", (7,), listed(*words), 0) for name, words in KEYS),
    draw("site-0-7", (7,), listed(1, 2, 3, 4), 0),
    draw("site-1-7", (7,), listed(1, 2, 3, 4), 1),
    draw("last-site-7", (7,), listed(1, 2, 3, 4), 2**32 - 1),
]

CASES = [*STEPS, *DRAWS]

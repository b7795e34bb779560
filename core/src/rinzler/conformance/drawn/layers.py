"""Generated cases of products, layers, attention, AdamW and random numbers.

Read next: `../tiers/`, which run them.
"""

from __future__ import annotations

from functools import partial

from rinzler.conformance.case import Case, every, normal
from rinzler.conformance.drawn.drawing import Draw, Drawing
from rinzler.conformance.table.attention import both
from rinzler.conformance.table.cached import cached
from rinzler.conformance.table.matmul import layer, layer_bwd
from rinzler.conformance.table.matmul import matmul as product
from rinzler.conformance.table.update import FIRST, LATER, adamw, any_words, draw

HEADS = (1, 1, 2, 3, 4)
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 16)


def matmul(d: Draw) -> Case:
    flags = tuple(d.flag() for _ in range(3))
    m, k, n, batch = d.sizes(4, 8 * d.room())
    return product(m, k, n, flags, (batch,)) if d.flag(1 / 3) else product(m, k, n, flags)


def linear(op: str, d: Draw) -> Case:
    return layer(op, *_sizes(d), bias=d.flag())


def linear_bwd(d: Draw) -> Case:
    return layer_bwd(*_sizes(d), dw=d.flag(0.8), db=d.flag(0.8))


def _sizes(d: Draw) -> tuple[int, int, int]:
    n, width, out = d.sizes(3, 8 * d.room())
    return n, width, out


def attention(back: bool, d: Draw) -> Case:
    batch, time = d.sizes(2, min(d.room(), 130))
    scale = d.pick((0.3, 1.0, 1.0, 4.0))
    values = d.pick((normal(scale), normal(scale), every(0.5)))
    return both("", batch, time, d.pick(HEADS), d.pick(WIDTHS), values, [])[back]


def attention_cached(d: Draw) -> Case:
    """Up to four sequences, each at a place of its own, and one new position as a rule."""
    batch, time = 1 + d.below(4), d.size(70)
    new = 1 if d.flag(0.6) else d.size(time)
    position = tuple(d.below(time - new + 1) for _ in range(batch))
    return cached(batch, new, time, d.pick(HEADS), d.pick(WIDTHS), position, normal(), "gen")


def adam(d: Draw) -> Case:
    started = d.flag(0.7)
    hyper = d.pick((LATER, FIRST)) if started else FIRST
    g = normal(d.pick((1e-9, 0.1, 1.0, 1.0, 1e3)))
    scale, ok = d.pick((1.0, 0.037)), float(d.flag(0.9))
    return adamw("", d.shape(), hyper, g, scale, ok, started)


def random_uniform(d: Draw) -> Case:
    return draw("", d.shape(), any_words, d.below(2**32))


DRAWS: dict[str, Drawing] = {
    "matmul": matmul,
    "linear": partial(linear, "linear"),
    "linear_gelu": partial(linear, "linear_gelu"),
    "linear_bwd": linear_bwd,
    "attention": partial(attention, False),
    "attention_bwd": partial(attention, True),
    "attention_cached": attention_cached,
    "adamw": adam,
    "random_uniform": random_uniform,
}

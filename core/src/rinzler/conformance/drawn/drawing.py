"""`Draw`: the sizes and values that generated cases are made of.

Sizes are those at which kernels break: 1, small primes, powers of two, and one less and one more
than each, where tiles, vectors and workgroups end. Most cases are small, so that there can be many;
a few are long in one direction. Read next: `elementwise.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Any, TypeVar

import numpy as np

from rinzler.conformance.case import Case, Values, every, normal, signed

T = TypeVar("T")

PRIMES = (2, 3, 5, 7, 11, 13, 23, 37, 61, 97, 251, 1021)
POWERS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SIZES = sorted({1, *PRIMES, *(n + k for n in POWERS for k in (-1, 0, 1))})
ROOMS = (16, 64, 256, 256, 1024, 4200)  # elements at most; one of these for each case
MAX_RANK = 5

# Numbers that formulas stumble over. Products and sums of two of them are in range, or out of it.
ODD_NUMBERS = (0.0, -0.0, 1.0, -1.0, inf, -inf, nan, 3.0, 1e30, -1e30, 1e-30)


class Draw:
    """One case's dice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def flag(self, chance: float = 0.5) -> bool:
        return bool(self.rng.random() < chance)

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.rng.integers(len(options)))]

    def below(self, count: int) -> int:
        """A whole number from 0 to count − 1."""
        return int(self.rng.integers(count))

    def room(self) -> int:
        return self.pick(ROOMS)

    def size(self, most: int) -> int:
        """A length from 1 to `most`, as a rule one that is an edge of something."""
        if self.flag(0.2):
            return 1 + self.below(most)
        return self.pick([n for n in SIZES if n <= most])

    def sizes(self, count: int, room: int) -> tuple[int, ...]:
        """So many lengths, in any order, whose product is at most `room`."""
        drawn = []
        for _ in range(count):
            drawn.append(self.size(room))
            room //= drawn[-1]
        return tuple(int(n) for n in self.rng.permutation(drawn))

    def shape(self, least: int = 0, room: int = 0) -> tuple[int, ...]:
        """A shape of any rank from `least` on."""
        rank = least + self.below(MAX_RANK + 1 - least)
        return self.sizes(rank, room or self.room())

    def values(self) -> Values:
        """Floats of one of the usual kinds."""
        kinds = (signed, signed, normal(), normal(0.01), normal(100.0), every(0.1), every(-2.5))
        return self.pick(kinds)

    def mixed(self, usual: Values, odd: Sequence[float] = ODD_NUMBERS) -> Values:
        """The usual values, or in one case of three some odd ones among them."""
        return sprinkled(usual, odd) if self.flag(1 / 3) else usual


def sprinkled(usual: Values, odd: Sequence[float]) -> Values:
    """One element in four is one of the odd numbers."""

    def make(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
        values = np.asarray(usual(rng, shape, earlier), np.float64)
        chosen = rng.choice(np.array(odd), shape)
        return np.where(rng.random(shape) < 0.25, chosen, values)

    return make


Drawing = Callable[[Draw], Case]

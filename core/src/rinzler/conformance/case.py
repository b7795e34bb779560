"""`Case`: one call of one op, described without a backend and without a dtype.

A case names its operands by shape and by how their values arise; the values come from a generator
seeded by the case's id, so that every machine, dtype and backend sees the same numbers, rounded to
its dtype. Ids are stable and readable, "matmul/33x7x31-ta", because authors of backends list known
failures by id.

Leaves out: what the answer is (`oracle.py`) and how a case is run (`run.py`).
Read next: `cases.py`, the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rinzler.ops import OPS

FLOAT = "float"  # stands for the dtype that a case is run in, in operands and in attributes
TILE_EDGES = frozenset({31, 32, 33, 127, 128, 129})

# (generator, shape, the float64 values of the operands before this one) -> values
Values = Callable[[np.random.Generator, tuple[int, ...], Sequence[Any]], Any]


@dataclass(frozen=True)
class Operand:
    """An array that a case needs: its shape, its values, and its dtype where that is fixed."""

    shape: tuple[int, ...]
    values: Values
    dtype: str = FLOAT


@dataclass(frozen=True)
class Case:
    """One row of the case table."""

    op: str
    name: str
    ins: tuple[Operand | None, ...]  # None: the operand is absent, as the bias of a linear may be
    attrs: Mapping[str, Any] = field(default_factory=dict)
    # Outputs that are read before they are written (accumulate, adamw's p, m, v), by index, and
    # what they hold; None: this output is not wanted. All other outputs start as NaN.
    reads: Mapping[int, Operand | None] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()  # what the shapes do not tell: "extreme", "repeats"

    @property
    def id(self) -> str:
        return f"{self.op}/{self.name}"

    @property
    def tags(self) -> frozenset[str]:
        """The marks, and what the shapes say: one, odd, tile, large."""
        operands = [x for x in (*self.ins, *self.reads.values()) if x is not None]
        sizes = {n for x in operands for n in (*x.shape, *self.attrs.get("shape", ()))}
        tags = set(self.marks)
        if all(n == 1 for n in sizes):
            tags.add("one")
        if any(n % 2 and n > 1 for n in sizes):
            tags.add("odd")
        if sizes & TILE_EDGES:
            tags.add("tile")
        if any(n >= 1000 for n in sizes):
            tags.add("large")
        return frozenset(tags)

    @property
    def shapes(self) -> str:
        """Its operands and attributes in words: "x (5, 1), w (1,); eps=0.5"."""
        names = OPS[self.op].inputs
        named = [names[min(index, len(names) - 1)] for index in range(len(self.ins))]
        operands = [f"{name} {x.shape}" for name, x in zip(named, self.ins, strict=True) if x]
        attrs = [f"{name}={value}" for name, value in self.attrs.items()]
        return "; ".join(filter(None, (", ".join(operands), ", ".join(attrs))))

    def attrs_for(self, dtype: str) -> dict[str, Any]:
        return {name: dtype if value == FLOAT else value for name, value in self.attrs.items()}

    def data(self, dtype: str) -> tuple[list[Any], dict[int, Any]]:
        """The inputs, and the starting contents of the outputs that are read."""
        rng = np.random.default_rng(list(self.id.encode()))
        earlier: list[Any] = []
        ins = [_made(operand, rng, earlier, dtype) for operand in self.ins]
        reads = {k: _made(operand, rng, earlier, dtype) for k, operand in self.reads.items()}
        return ins, reads


def _made(operand: Operand | None, rng: Any, earlier: list[Any], dtype: str) -> Any:
    if operand is None:
        earlier.append(None)
        return None
    values = np.asarray(operand.values(rng, operand.shape, earlier))
    host = np.array(values, dtype if operand.dtype == FLOAT else operand.dtype, order="C")
    host = host.reshape(operand.shape)
    # What later operands are derived from is what the kernel sees: the rounded values.
    earlier.append(host.astype(np.float64) if operand.dtype == FLOAT else host)
    return host


def shape_name(shape: Sequence[int]) -> str:
    """(5, 7) as "5x7"; () as "scalar"."""
    return "x".join(str(n) for n in shape) if shape else "scalar"


def case(
    op: str,
    name: str,
    *ins: Operand | None,
    reads: Mapping[int, Operand | None] | None = None,
    marks: Sequence[str] = (),
    **attrs: Any,
) -> Case:
    """A `Case` in the words of a table row."""
    assert op in OPS, op
    return Case(op, name, ins, attrs, reads or {}, frozenset(marks))


# --- where values come from -------------------------------------------------------------------


def signed(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
    """Magnitudes from ½ to 1½: none is so small that a kernel could lose it unseen."""
    return rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)


def normal(scale: float = 1.0, offset: float = 0.0) -> Values:
    return lambda rng, shape, earlier: offset + scale * rng.standard_normal(shape)


def positive(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
    """Positive over several powers of two."""
    return 2.0 ** rng.uniform(-6.0, 6.0, shape)


def every(value: float) -> Values:
    return lambda rng, shape, earlier: np.full(shape, value)


def listed(*values: float) -> Values:
    return lambda rng, shape, earlier: np.array(values).reshape(shape)


def derived(formula: Callable[..., Any]) -> Values:
    """A function of the operands before this one, in float64."""
    return lambda rng, shape, earlier: formula(*earlier)


def mask(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
    return rng.integers(0, 2, shape)


def ids(count: int) -> Values:
    """Any of [0, count), the last one among them: an off-by-one bound shows there."""

    def make(rng: Any, shape: tuple[int, ...], earlier: Any) -> Any:
        drawn = rng.integers(0, count, shape)
        drawn.reshape(-1)[-1:] = count - 1
        return drawn

    return make


# --- operands ---------------------------------------------------------------------------------


def floats(shape: Sequence[int], values: Values = signed) -> Operand:
    return Operand(tuple(shape), values)


def integers(shape: Sequence[int], values: Values) -> Operand:
    return Operand(tuple(shape), values, "int32")

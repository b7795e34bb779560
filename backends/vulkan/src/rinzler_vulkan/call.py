"""`Call`: one dispatch as data, which is all that a kernel of this backend makes.

A kernel is a function of the device's caps, the handles and the attributes; it returns a `Call`, or
a list of them, and never touches Vulkan, so that it can be tested without a driver:

    def sqrt(caps: DeviceCaps, y: Memory, a: Memory) -> Call:
        return Call("unary", (y, a), flat(a.size, 64), push={"n": a.size}, spec={"OP": 2})

Names of push constants and of specialization constants are those of the GLSL; which operands are
written is read from the GLSL as well (`readonly buffer`). Operands stand in the order of bindings.
An operand may be a `Scratch`: memory that lives from the first to the last call of one list.
Leaves out: barriers, which are found from the operands. Read next: `elementwise.py`, the simplest
kernels, then `manifest.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

from rinzler.ops import ITEMSIZE
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory

Grid = tuple[int, int, int]
MOST_GROUPS = 65535  # workgroups along an axis that every device takes


@dataclass(frozen=True, eq=False, slots=True)
class Scratch:
    """Memory of arbitrary contents for the calls of one list; the recorder finds a place."""

    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * ITEMSIZE[self.dtype]


Operand: TypeAlias = Memory | Scratch
Number: TypeAlias = int | float | bool


@dataclass(frozen=True, slots=True)
class Call:
    """One dispatch."""

    shader: str  # shaders/NAME.comp
    operands: Sequence[Operand | None]  # by binding; None: the kernel does not look there
    grid: Grid  # workgroups
    push: Mapping[str, Number | Sequence[Number]] = field(default_factory=dict)
    spec: Mapping[str, Number] = field(default_factory=dict)  # what is left out keeps its default


# kernel(caps, *outs, *ins, **attrs), outputs first as everywhere
Kernel: TypeAlias = Callable[..., Call | Sequence[Call]]


def flat(count: int, each: int) -> Grid:
    """Workgroups for `count` things, `each` in one; a second axis where one is too short.

    In GLSL `flat_index()` (flat.glsl) numbers the invocations; those past `count` have to return.
    """
    groups = -(-count // each)
    if groups <= MOST_GROUPS:
        return (groups, 1, 1)
    rows = -(-groups // MOST_GROUPS)
    return (-(-groups // rows), rows, 1)


def pieces(caps: DeviceCaps, size: int) -> Iterator[tuple[int, int]]:
    """(start, size) of as few pieces of a flat array as a shader may see at once.

    An operand larger than `caps.max_range` cannot be bound whole (128 MiB on some devices); calls
    over `memory.part(start, size)` can. Elements have 4 bytes; starts are multiples of 64 of them.
    """
    most = caps.max_range // 4 // 64 * 64
    for start in range(0, size, most):
        yield start, min(most, size - start)


def as_list(made: Any) -> Sequence[Call]:
    return (made,) if isinstance(made, Call) else made

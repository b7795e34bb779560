"""A matrix product as calls: which form of kernel, and in how many blocks.

    y = op(a) @ op(b) (+ bias) (+ y);   with pre: pre = that, y = gelu(pre);   sums += Σ_k op(b)[k]

Three kernels do the work. `matmul` is for software drivers, one subgroup and no barrier; for GPUs
there are `matmul_tiled`, tiles by way of shared memory, and `matmul_few` for up to four rows. All
of them reach their operands by strides (product.glsl), so a transposition costs nothing and a block
of a large matrix is a product like any other.

A matrix that is larger than what a shader may see at once is cut along the rows that it is stored
in. A cut through K adds up in order, the later blocks accumulating. Read next: `matmul.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product as pairs

from rinzler_vulkan.call import MOST_GROUPS, Call, Operand, Scratch
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory

ALONG_K, ALONG_EDGE, ONE_BY_ONE = 0, 1, 2  # how a side is read, numbered as in product.glsl
CUT = 64  # blocks begin at multiples of it, so that what lay in fours still does
FEW = 4  # rows that matmul_few makes
ENOUGH = 96  # workgroups that keep a GPU busy

Range = tuple[int, int]


@dataclass(frozen=True)
class Side:
    """An operand, or a block of one: element (z, i, j) lies at `at` + z·batch + i·row + j·col."""

    memory: Operand
    row: int
    col: int
    batch: int
    at: int = 0

    def block(self, z: Range, i: Range, j: Range) -> Side:
        """The part of it that a kernel sees when it works on these ranges."""
        first = self.at + z[0] * self.batch + i[0] * self.row + j[0] * self.col
        last = first + (z[1] - z[0] - 1) * self.batch
        last += (i[1] - i[0] - 1) * self.row + (j[1] - j[0] - 1) * self.col
        start = first // CUT * CUT
        memory = self.memory
        if not isinstance(memory, Scratch) and (start, last + 1) != (0, memory.size):
            memory, first = memory.part(start, last + 1 - start), first - start
        return replace(self, memory=memory, at=first)

    def fours_along(self, col: bool, length: int) -> bool:
        """Whether runs of four along an axis of that length lie together, at multiples of four."""
        step, other = (self.col, self.row) if col else (self.row, self.col)
        return step == 1 and not (other | self.at | self.batch | length) % 4


@dataclass(frozen=True)
class Product:
    """The shape of a product and its sides."""

    batch: int
    rows: int
    cols: int
    inner: int
    y: Side
    a: Side
    b: Side
    accumulate: bool = False
    bias: Operand | None = None
    pre: Side | None = None
    sums: Operand | None = None

    def calls(self, caps: DeviceCaps) -> list[Call]:
        """Raises nothing; a single row too long for a shader is refused by the encoder."""
        z, m, n, k = self.cuts(caps)
        return [
            self._call(caps, *block)
            for block in pairs(_ranges(self.batch, z), _ranges(self.rows, m),
                               _ranges(self.cols, n), _ranges(self.inner, k))
        ]  # fmt: skip

    def cuts(self, caps: DeviceCaps) -> tuple[int, int, int, int]:
        """The most of batch, rows, cols and inner that one call takes."""
        most = caps.max_range // 4 - CUT  # a window may begin up to CUT elements early
        z = min(most // max(self.y.batch, self.a.batch, self.b.batch, 1), MOST_GROUPS)
        if self.batch == 1 or z < 1:
            z = 1
        limits = {"m": MOST_GROUPS * 8, "n": MOST_GROUPS * 16, "k": self.inner}

        def limit(axis: str, stride: int) -> None:
            limits[axis] = min(limits[axis], max(most // stride // CUT * CUT, CUT))

        for axes, side in (("mn", self.y), ("mk", self.a), ("kn", self.b)):
            extent = {"m": self.rows, "n": self.cols, "k": self.inner}
            size = extent[axes[0]] * extent[axes[1]]
            if z * size > most:
                outer = axes[0] if side.row >= side.col else axes[1]
                limit(outer, max(side.row, side.col))
        return z, limits["m"], limits["n"], limits["k"]

    def _call(self, caps: DeviceCaps, z: Range, m: Range, n: Range, k: Range) -> Call:
        rows, cols, inner = m[1] - m[0], n[1] - n[0], k[1] - k[0]
        y, a, b = self.y.block(z, m, n), self.a.block(z, m, k), self.b.block(z, k, n)
        later = k[0] > 0
        bias = None if later else self.bias
        pre = None if self.pre is None else self.pre.block(z, m, n).memory
        sums = self.sums if m[0] == 0 else None
        push = {
            "M": rows, "N": cols, "K": inner,
            "a_at": a.at, "a_row": a.row, "a_col": a.col, "a_batch": a.batch,
            "b_at": b.at, "b_row": b.row, "b_col": b.col, "b_batch": b.batch,
            "y_at": y.at, "y_row": y.row, "y_batch": y.batch,
            "from": n[0], "biased": int(bias is not None),
        }  # fmt: skip
        spec = {
            "A": _reading(a.fours_along(True, inner), a.fours_along(False, rows)),
            "B": _reading(b.fours_along(False, inner), b.fours_along(True, cols)),
            "FOURS": y.fours_along(True, cols),
            "RAGGED": inner % 4 != 0,
            "GELU": pre is not None,
            "SUMS": sums is not None,
            "ACCUMULATE": self.accumulate or later,
        }
        shader, (across, down), special = form(caps, rows, cols, spec, (z[1] - z[0]))
        grid = (-(-cols // across), -(-rows // down), z[1] - z[0])
        # What is absent and would be written is y: the layer takes every such binding for a write.
        operands = (y.memory, a.memory, b.memory, bias, pre or y.memory, sums or y.memory)
        return Call(shader, operands, grid, push=push, spec={**spec, **special})


def form(
    caps: DeviceCaps, rows: int, cols: int, spec: dict[str, int | bool], batch: int
) -> tuple[str, tuple[int, int], dict[str, int]]:
    """Which kernel, the columns and rows of y that a workgroup makes, and its own constants."""
    if caps.barrier_free and caps.shuffle and caps.subgroup >= 4:
        lanes = 8 if caps.subgroup >= 8 else 4
        few = rows <= FEW
        high, wide = (FEW, 8 * lanes) if few else (2 * lanes, 4 * lanes)
        own = {"LOCAL_X": lanes, "LANES": lanes, "ROWS": high, "WIDE": few}
        return "matmul", (wide, high), own
    readable = spec["A"] == ALONG_K and spec["B"] != ONE_BY_ONE
    if rows <= FEW and batch == 1 and readable and not spec["RAGGED"] and not spec["SUMS"]:
        return "matmul_few", (8 if spec["B"] == ALONG_K else 64, FEW), {}
    down, across = tile(caps, rows, cols, batch)
    own = {"LOCAL_X": down * across, "DOWN": down, "ACROSS": across}
    return "matmul_tiled", (8 * across, 8 * down), own


def tile(caps: DeviceCaps, rows: int, cols: int, batch: int) -> tuple[int, int]:
    """Invocations down and across a tile of eight rows and columns each.

    The larger a tile the fewer the bytes that are read for it, if there are enough of them.
    """
    if rows <= 32:
        return 4, 16
    large = -(-rows // 128) * -(-cols // 128) * batch
    room = caps.max_invocations >= 256 and caps.shared_bytes >= 2 * 16 * 33 * 16
    return (16, 16) if room and large >= ENOUGH else (8, 8)


def _reading(along_k: bool, along_edge: bool) -> int:
    if along_k:
        return ALONG_K
    return ALONG_EDGE if along_edge else ONE_BY_ONE


def _ranges(length: int, most: int) -> Iterator[Range]:
    for start in range(0, length, most):
        yield start, min(start + most, length)


def matrix(x: Operand, transposed: bool = False) -> Side:
    """A matrix or a batch of them as op(x)."""
    rows, cols = x.shape[-2:]
    batch = rows * cols if len(x.shape) == 3 else 0
    return Side(x, 1, cols, batch) if transposed else Side(x, cols, 1, batch)


def product(
    caps: DeviceCaps,
    y: Operand,
    a: Memory,
    b: Memory,
    *,
    ta: bool = False,
    tb: bool = False,
    accumulate: bool = False,
    bias: Memory | None = None,
    pre: Memory | None = None,
    sums: Memory | None = None,
) -> list[Call]:
    """The calls of one product; see the top of the file."""
    return Product(
        batch=y.shape[0] if len(y.shape) == 3 else 1,
        rows=y.shape[-2],
        cols=y.shape[-1],
        inner=a.shape[-2] if ta else a.shape[-1],
        y=matrix(y),
        a=matrix(a, ta),
        b=matrix(b, tb),
        accumulate=accumulate,
        bias=bias,
        pre=None if pre is None else matrix(pre),
        sums=sums,
    ).calls(caps)

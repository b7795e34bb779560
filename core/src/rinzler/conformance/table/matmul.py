"""Cases of the matrix products and the layers made of them.

`matmul` runs through all flags: each side transposed or not, one product or a batch, written or
added to what is there. An output that is not accumulated into starts as NaN, so a kernel that adds
to it (0·NaN is NaN, too) is found. Read next: `gather.py`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from rinzler.conformance.case import Case, case, every, floats

SIZES: tuple[tuple[int, int, int], ...] = (  # rows, inner, columns
    (1, 1, 1),
    (1, 7, 1),
    (7, 1, 5),
    (31, 32, 33),
    (32, 32, 32),
    (127, 33, 129),
    (129, 128, 127),
    (2, 1031, 3),
    (1031, 2, 1),
    (1, 2, 1031),
)
FLAGS = list(product((False, True), repeat=3))  # ta, tb, accumulate


PLAIN = (False, False, False)


def matmul(m: int, k: int, n: int, flags: tuple[bool, ...], batch: tuple[int, ...] = ()) -> Case:
    ta, tb, accumulate = flags
    a = floats((*batch, k, m) if ta else (*batch, m, k))
    b = floats((*batch, n, k) if tb else (*batch, k, n))
    reads = {0: floats((*batch, m, n))} if accumulate else {}
    suffix = "".join(f"-{f}" for f, on in (("ta", ta), ("tb", tb), ("acc", accumulate)) if on)
    name = "".join(f"{size}x" for size in batch) + f"{m}x{k}x{n}{suffix}"
    marks = [mark for mark, on in (("batch", batch), ("accumulate", accumulate)) if on]
    attrs: Any = {"ta": ta, "tb": tb, "accumulate": accumulate}
    return case("matmul", name, a, b, reads=reads, marks=marks, **attrs)


def products() -> list[Case]:
    cases = [matmul(*sizes, PLAIN) for sizes in SIZES]
    cases += [matmul(33, 7, 31, flags) for flags in FLAGS]
    # A square hides a transposition in its shape, not in its numbers.
    cases += [matmul(33, 33, 33, flags) for flags in FLAGS]
    cases += [matmul(5, 11, 7, flags, (3,)) for flags in FLAGS]
    cases += [matmul(33, 5, 33, (False, True, False), (2,))]
    cases += [matmul(1, 1, 1, flags, (1,)) for flags in FLAGS[:2]]
    zeros = [floats((7, 5), every(0.0)), floats((5, 3), every(0.0))]
    attrs: Any = {"ta": False, "tb": False, "accumulate": False}
    return [*cases, case("matmul", "zeros-7x5x3", *zeros, **attrs)]


LAYERS: tuple[tuple[int, int, int], ...] = (  # N, in, out
    (1, 1, 1),
    (1, 7, 5),
    (7, 5, 1),
    (33, 1, 7),
    (33, 31, 32),
    (127, 33, 31),
    (31, 129, 127),
    (3, 1031, 2),
    (1031, 3, 5),
)


def layer(op: str, n: int, width: int, out: int, bias: bool) -> Case:
    """`linear` or `linear_gelu`."""
    b = floats((out,)) if bias else None
    name = f"{n}x{width}x{out}" + ("" if bias else "-no-b")
    marks = [] if bias else ["absent"]
    return case(op, name, floats((n, width)), floats((width, out)), b, marks=marks)


def layer_bwd(n: int, width: int, out: int, dw: bool, db: bool) -> Case:
    """dw and db are added to, where they are wanted: they start with an earlier gradient."""
    reads = {1: floats((width, out)) if dw else None, 2: floats((out,)) if db else None}
    operands = [floats((n, width)), floats((width, out)), floats((n, out))]
    marks = ["accumulate"] + ([] if dw and db else ["absent"])
    suffix = {(1, 1): "", (1, 0): "-no-db", (0, 1): "-no-dw", (0, 0): "-dx-only"}[dw, db]
    name = f"{n}x{width}x{out}{suffix}"
    return case("linear_bwd", name, *operands, reads=reads, marks=marks)


def layers() -> list[Case]:
    cases = [
        layer(op, *sizes, bias)
        for op, sizes in product(("linear", "linear_gelu"), LAYERS)
        for bias in (True, False)
    ]
    for sizes in LAYERS:
        every_way = sizes in ((33, 31, 32), (1, 7, 5))
        cases += [layer_bwd(*sizes, dw=True, db=db) for db in (True, False)]
        if every_way:
            cases += [layer_bwd(*sizes, dw=False, db=db) for db in (True, False)]
    return cases


CASES = [*products(), *layers()]

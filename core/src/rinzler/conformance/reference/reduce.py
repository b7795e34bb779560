"""What the reductions and the matrix products compute.

Bounds: a sum of n terms may be off by growth(n)·u·Σ|terms|, an element of a product of K by
growth(K)·u·(|A| @ |B|) (Higham 2002, chapters 3 and 4); the rest follows. Read next:
`normalization.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.conformance.bounded import Bounded, Reference
from rinzler.conformance.reference.elementwise import gelu_of


def sum_rows(outs: Any, x: Bounded) -> Any:
    return (x.sum(axis=1).reshape((-1,)),)


def sum_cols(outs: Any, x: Bounded) -> Any:
    return (x.sum(axis=0).reshape((-1,)),)


def max_rows(outs: Any, x: Bounded) -> Any:
    return (x.max(axis=1).reshape((-1,)),)


def sumsq(outs: Any, x: Bounded) -> Any:
    return ((x * x).reshape((-1,)).sum(axis=0).reshape(()),)


def matmul(outs: Any, a: Bounded, b: Bounded, *, ta: bool, tb: bool, accumulate: bool) -> Any:
    product = (a.swapped() if ta else a) @ (b.swapped() if tb else b)
    return (outs[0] + product if accumulate else product,)


def _linear(x: Bounded, w: Bounded, b: Bounded | None) -> Bounded:
    return x @ w if b is None else x @ w + b


def linear(outs: Any, x: Bounded, w: Bounded, b: Bounded | None) -> Any:
    return (_linear(x, w, b),)


def linear_gelu(outs: Any, x: Bounded, w: Bounded, b: Bounded | None) -> Any:
    pre = _linear(x, w, b)
    return gelu_of(pre), pre


def linear_bwd(outs: Any, x: Bounded, w: Bounded, g: Bounded) -> Any:
    """dw and db are added to what their outputs hold."""
    _, dw, db = outs
    return (
        g @ w.swapped(),
        None if dw is None else dw + x.swapped() @ g,
        None if db is None else db + g.sum(axis=0).reshape((-1,)),
    )


REFERENCES: dict[str, Reference] = {
    "sum_rows": sum_rows,
    "sum_cols": sum_cols,
    "max_rows": max_rows,
    "sumsq": sumsq,
    "matmul": matmul,
    "linear": linear,
    "linear_gelu": linear_gelu,
    "linear_bwd": linear_bwd,
}

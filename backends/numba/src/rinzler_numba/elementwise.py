"""Elementwise kernels. The formulas: `rinzler.ops.elementwise`; relu: `rinzler.ops.activation`.

A kernel here is a formula of one element, put into one of three loops: `unary`, `binary`, `where`.
An operand of one element is read once, before the loop. y may be the memory of any input of its
shape, at full speed: see `apart.py`.

Read next: `movement.py`; exp, log and tanh stand in `functions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import register_jitable

from rinzler_numba.apart import load, store
from rinzler_numba.blocks import pieces
from rinzler_numba.compiling import Kernel, Launch, kernel
from rinzler_numba.functions import exp_of, log_of, tanh_of
from rinzler_numba.launcher import planned
from rinzler_numba.memory import Memory
from rinzler_numba.native import integers, number, share
from rinzler_numba.vector import f4, i4

LANES = 16  # parts begin at whole cache lines
ZERO, ONE = f4(0.0), f4(1.0)


# --- formulas ---------------------------------------------------------------------------------


@register_jitable
def add_of(a: np.float32, b: np.float32) -> np.float32:
    return a + b


@register_jitable
def sub_of(a: np.float32, b: np.float32) -> np.float32:
    return a - b


@register_jitable
def mul_of(a: np.float32, b: np.float32) -> np.float32:
    return a * b


@register_jitable
def div_of(a: np.float32, b: np.float32) -> np.float32:
    return a / b


@register_jitable
def maximum_of(a: np.float32, b: np.float32) -> np.float32:
    """A comparison with NaN is false: b's NaN is chosen by the first line, a's by the second."""
    larger = a if a > b else b
    return a if np.isnan(a) else larger


@register_jitable
def less_of(a: np.float32, b: np.float32) -> np.float32:
    return ONE if a < b else ZERO


@register_jitable
def relu_of(x: np.float32) -> np.float32:
    return ZERO if x < ZERO else x


@register_jitable
def sqrt_of(a: np.float32) -> np.float32:
    return np.sqrt(a)


@register_jitable
def where_of(mask: np.float32, a: np.float32, b: np.float32) -> np.float32:
    return a if mask != ZERO else b


# --- loops ------------------------------------------------------------------------------------


def _kernel_of(loop: Callable[..., None], formula: Callable[..., Any]) -> Kernel:
    """A loop under the formula's name; numba files what it keeps on disk by that."""
    loop.__name__ = loop.__qualname__ = formula.__name__.removesuffix("_of")
    return kernel(loop)


def unary(formula: Callable[..., Any], cost: float = 1.0) -> Any:
    """y[i] = formula(x[i])."""

    def loop(args: Any, block: int, blocks: int) -> None:
        y, x = args[0], args[1]
        start, stop = share(args[2], block, blocks, LANES)
        for i in range(start, stop):
            store(y, i, formula(load(x, i)))

    run = _kernel_of(loop, formula)

    @planned
    def op(y: Memory, x: Memory) -> list[Launch]:
        return [run(y, x, x.size, blocks=pieces(x.size, cost))]

    return op


def binary(formula: Callable[..., Any]) -> Any:
    """y[i] = formula(a[i], b[i]), or formula(a[i], b) where b has one element."""

    def loop(args: Any, block: int, blocks: int) -> None:
        y, a, b = args[0], args[1], args[2]
        start, stop = share(args[3], block, blocks, LANES)
        if args[4]:
            one = load(b, 0)
            for i in range(start, stop):
                store(y, i, formula(load(a, i), one))
        else:
            for i in range(start, stop):
                store(y, i, formula(load(a, i), load(b, i)))

    run = _kernel_of(loop, formula)

    @planned
    def op(y: Memory, a: Memory, b: Memory) -> list[Launch]:
        n = a.size
        return [run(y, a, b, n, b.size == 1, blocks=pieces(n))]

    return op


@kernel
def _where(args: Any, block: int, blocks: int) -> None:
    y, mask, a, b = args[0], args[1], args[2], args[3]
    one_a, one_b = args[5], args[6]
    first_a, first_b = load(a, 0), load(b, 0)
    start, stop = share(args[4], block, blocks, LANES)
    if one_a and one_b:
        for i in range(start, stop):
            store(y, i, where_of(load(mask, i), first_a, first_b))
    elif one_a:
        for i in range(start, stop):
            store(y, i, where_of(load(mask, i), first_a, load(b, i)))
    elif one_b:
        for i in range(start, stop):
            store(y, i, where_of(load(mask, i), load(a, i), first_b))
    else:
        for i in range(start, stop):
            store(y, i, where_of(load(mask, i), load(a, i), load(b, i)))


@planned
def where(y: Memory, mask: Memory, a: Memory, b: Memory) -> list[Launch]:
    n = mask.size
    return [_where(y, mask, a, b, n, a.size == 1, b.size == 1, blocks=pieces(n))]


@kernel
def _fill(args: Any, block: int, blocks: int) -> None:
    """A float32 travels as the bits of a float64, an int32 as it is; both are stored as bits."""
    start, stop = share(args[1], block, blocks, LANES)
    out = integers(args[0] + 4 * start, stop - start)
    bits = i4(args[2]) if args[3] else f4(number(args[2])).view(i4)
    for i in range(len(out)):
        out[i] = bits


@planned
def fill(out: Memory, *, value: float) -> list[Launch]:
    whole = out.dtype == "int32"
    bits = int(value) if whole else float(value)
    return [_fill(out, out.size, bits, whole, blocks=pieces(out.size))]


KERNELS = {
    "fill": fill,
    "add": binary(add_of),
    "sub": binary(sub_of),
    "mul": binary(mul_of),
    "div": binary(div_of),
    "maximum": binary(maximum_of),
    "less": binary(less_of),
    "exp": unary(exp_of, 2),
    "log": unary(log_of, 2),
    "sqrt": unary(sqrt_of, 2),
    "tanh": unary(tanh_of, 3),
    "relu": unary(relu_of),
    "where": where,
}

"""Elementwise kernels: each is one numpy function with `out=`.

`b` may have one element of any shape, and so may the operands of `where`; as an array of shape ()
it broadcasts against all others. Any input may be the output's own memory. Read next:
`movement.py`; the formulas stand in `rinzler.ops.elementwise`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rinzler_numpy.scratch import scratch


def spread(operand: np.ndarray) -> np.ndarray:
    """A one-element operand without its axes, so that it meets any shape."""
    return operand.reshape(()) if operand.size == 1 else operand


def binary(function: np.ufunc) -> Callable[..., None]:
    def kernel(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        function(a, spread(b), out=y)

    return kernel


def unary(function: np.ufunc) -> Callable[..., None]:
    def kernel(y: np.ndarray, a: np.ndarray) -> None:
        function(a, out=y)

    return kernel


def where(y: np.ndarray, mask: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    chosen = np.not_equal(mask, 0, out=scratch(0, mask.shape, np.dtype(bool)))
    if np.may_share_memory(y, a):  # y holds a already, which writing b first would destroy
        np.copyto(y, spread(b), where=np.logical_not(chosen, out=chosen))
        return
    np.copyto(y, spread(b))
    np.copyto(y, spread(a), where=chosen)


KERNELS = {
    "add": binary(np.add),
    "sub": binary(np.subtract),
    "mul": binary(np.multiply),
    "div": binary(np.divide),
    "maximum": binary(np.maximum),  # NaN where either is NaN, unlike np.fmax
    "less": binary(np.less),  # True and False become 1 and 0 in y's dtype
    "exp": unary(np.exp),
    "log": unary(np.log),
    "sqrt": unary(np.sqrt),
    "tanh": unary(np.tanh),
    "where": where,
}

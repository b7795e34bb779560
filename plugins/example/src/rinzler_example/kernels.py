"""The kernels: outputs first, then inputs, then attributes by keyword. None returns anything.

Shapes and dtypes are right when a kernel is called, and no array is empty. These 18 are all that a
backend must have; every other op of Rinzler has a default that is made of them. The fastest way to
more speed is a kernel for an op that has a default; this lists them:

    rinzler check example --mode support
"""

import numpy as np


def one(x):
    """The second operand of an elementwise op may be a single element, whatever its shape."""
    return x.reshape(()) if x.size == 1 else x


def binary(function):
    def kernel(out, a, b):
        out[...] = function(a, one(b))

    return kernel


def unary(function):
    def kernel(out, a):
        function(a, out=out)

    return kernel


def fill(out, *, value):
    out[...] = value


def window(x, offset, shape, strides):
    """Elements of x from `offset` on, `strides` apart along each axis; both count elements."""
    steps = [stride * x.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], shape, steps)


def move(out, x, *, shape, out_strides, out_offset, x_strides, x_offset):
    """The one copy that permutes, broadcasts (stride 0), slices and places."""
    target = window(out, out_offset, shape, out_strides)
    target[...] = window(x, x_offset, shape, x_strides)


def where(out, mask, a, b):
    out[...] = np.where(mask != 0, one(a), one(b))


def matmul(out, a, b, *, ta=False, tb=False, accumulate=False):
    """(M, K) @ (K, N), or (B, M, K) @ (B, K, N); `ta` and `tb` say that one lies transposed."""
    a = np.swapaxes(a, -1, -2) if ta else a
    b = np.swapaxes(b, -1, -2) if tb else b
    out[...] = out + a @ b if accumulate else a @ b


def sum_rows(out, x):
    x.sum(axis=1, out=out)


def max_rows(out, x):
    x.max(axis=1, out=out)


def take_rows(out, table, ids):
    np.take(table, ids, axis=0, out=out)


def add_rows(out, ids, rows):
    """An id may come several times: all of its rows are added, in a fixed order."""
    np.add.at(out, ids, rows)


KERNELS = {
    "fill": fill,
    "move": move,
    "add": binary(np.add),
    "sub": binary(np.subtract),
    "mul": binary(np.multiply),
    "div": binary(np.divide),
    "maximum": binary(np.maximum),
    "less": binary(np.less),
    "exp": unary(np.exp),
    "log": unary(np.log),
    "sqrt": unary(np.sqrt),
    "tanh": unary(np.tanh),
    "where": where,
    "sum_rows": sum_rows,
    "max_rows": max_rows,
    "matmul": matmul,
    "take_rows": take_rows,
    "add_rows": add_rows,
}
# NaN and infinity are results like any other: numpy need not warn of them.
KERNELS = {name: np.errstate(all="ignore")(kernel) for name, kernel in KERNELS.items()}

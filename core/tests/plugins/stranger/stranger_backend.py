"""A backend that Rinzler has never heard of: the required kernels, in numpy, and nothing else.

The tests install it as a distribution of its own. Leaves out: every op that has a default.
"""

from typing import ClassVar

import numpy as np

from rinzler.ops import Backend, Caps


def one(x):
    """A one-element operand in a form that broadcasts against any shape."""
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
    steps = [stride * x.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], shape, steps)


def move(out, x, *, shape, out_strides, out_offset, x_strides, x_offset):
    target = window(out, out_offset, shape, out_strides)
    target[...] = window(x, x_offset, shape, x_strides)


def where(out, mask, a, b):
    out[...] = np.where(mask != 0, one(a), one(b))


def matmul(out, a, b, *, ta=False, tb=False, accumulate=False):
    a = np.swapaxes(a, -1, -2) if ta else a
    b = np.swapaxes(b, -1, -2) if tb else b
    out[...] = out + a @ b if accumulate else a @ b


def add_rows(out, ids, rows):
    np.add.at(out, ids, rows)


class StrangerBackend(Backend):
    name = "stranger"
    caps = Caps(dtypes=("float32", "int32"), device_text="numpy, with a stranger's hands")
    kernels: ClassVar = {
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
        "sum_rows": lambda out, x: x.sum(axis=1, out=out),
        "max_rows": lambda out, x: x.max(axis=1, out=out),
        "matmul": matmul,
        "take_rows": lambda out, table, ids: np.take(table, ids, axis=0, out=out),
        "add_rows": add_rows,
    }

    def alloc(self, nbytes):
        return np.empty(nbytes, np.uint8)

    def view(self, buffer, offset, shape, dtype):
        return np.frombuffer(buffer, dtype, int(np.prod(shape)), offset).reshape(shape)

    def upload(self, handle, host):
        handle[...] = host

    def download(self, handle, host):
        host[...] = handle

    def synchronize(self):
        pass

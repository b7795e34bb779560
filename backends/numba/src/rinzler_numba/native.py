"""What a kernel is made of: one C function per kernel, all with one signature.

    void kernel(int64 *args, int64 block, int64 blocks)

`args` holds the addresses of the operands, the sizes and the numbers of one call; `block` says
which part of the work to do, out of `blocks`. With one signature for all, a single launcher
(`launcher.py`) runs any kernel on all cores, and a whole training step is a table of such calls.
The price is that a kernel lays its own arrays over addresses; the functions below do that.

They exist inside compiled code only. An address is trusted: core has checked shapes and dtypes
before a kernel is called, and nothing here can. Read next: `compiling.py`, then `vector.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable
from numba.np import arrayobj

SIGNATURE = types.void(types.CPointer(types.int64), types.int64, types.int64)
I32, I64 = ir.IntType(32), ir.IntType(64)
F32 = ir.FloatType()
CHUNK = 512  # floats of a kernel's own array: 2 KB, so several of them stay in the nearest cache


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """An address as a void pointer, which `carray` takes."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), make


@intrinsic
def number(typing: Any, bits: Any) -> Any:
    """The float64 whose bits an int64 holds: how a Python number travels among the args."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), make


@register_jitable
def floats(address: int, n: int) -> np.ndarray:
    """(n,) float32 at an address."""
    return carray(pointer(address), (n,), np.float32)


@register_jitable
def matrix(address: int, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) float32 at an address."""
    return carray(pointer(address), (rows, columns), np.float32)


@register_jitable
def integers(address: int, n: int) -> np.ndarray:
    """(n,) int32 at an address: ids, and keys of random numbers."""
    return carray(pointer(address), (n,), np.int32)


@intrinsic
def own(typing: Any) -> Any:
    """(CHUNK,) float32 in the frame of the kernel that asks, gone when it returns; not zeroed.

    No address among the args can point into it, and LLVM knows. A loop that writes here needs no
    check whether its output overlaps an input, and is vector code also where an op works in place:
    there the check fails, and the loop behind it takes one element at a time.
    """
    kind = types.Array(types.float32, 1, "C")

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = cgutils.alloca_once(builder, ir.ArrayType(F32, CHUNK))
        place.align = 64
        made = arrayobj.make_array(kind)(context, builder)
        data = builder.bitcast(place, F32.as_pointer())
        arrayobj.populate_array(made, data, [I64(CHUNK)], [I64(4)], I64(4), None)
        return made._getvalue()

    return kind(), make


@intrinsic
def copy(typing: Any, target: Any, source: Any, nbytes: Any) -> Any:
    """C's memcpy: bytes from an address to another; the two must not overlap."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        to, origin = (builder.inttoptr(value, cgutils.voidptr_t) for value in values[:2])
        cgutils.raw_memcpy(builder, to, origin, values[2], 1)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), make


@register_jitable
def share(n: int, block: int, blocks: int, step: int) -> tuple[int, int]:
    """Where a block's part of n items starts and stops; parts begin at multiples of `step`."""
    units = (n + step - 1) // step
    start = units * block // blocks * step
    stop = units * (block + 1) // blocks * step
    return min(start, n), min(stop, n)


@intrinsic
def invoke(typing: Any, function: Any, args: Any, block: Any, blocks: Any) -> Any:
    """Call the kernel at an address."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kernel = ir.FunctionType(ir.VoidType(), [I64, I64, I64])
        builder.call(builder.inttoptr(values[0], kernel.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), make


@intrinsic
def fetch_add(typing: Any, address: Any, value: Any) -> Any:
    """Add to the int64 at an address as one atomic act; returns what was there before."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = builder.inttoptr(values[0], I64.as_pointer())
        return builder.atomic_rmw("add", place, values[1], "acq_rel")

    return types.int64(types.int64, types.int64), make


@intrinsic
def fetch(typing: Any, address: Any) -> Any:
    """Read an int64 that other threads write."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(values[0], I64.as_pointer()), "acquire", 8)

    return types.int64(types.int64), make


@intrinsic
def pause(typing: Any) -> Any:
    """Tell the core that this is a waiting loop; nothing where LLVM has no word for it."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if "x86_64" in builder.module.triple:
            hint = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, hint, name), [])
        return context.get_dummy_value()

    return types.void(), make

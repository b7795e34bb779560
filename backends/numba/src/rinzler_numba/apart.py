"""Loads and stores that leave a loop free to become vector code, and sums that stay as written.

Where an output lies over an input, as the op table allows, LLVM's own test whether two arrays
overlap says yes, and the loop behind that test takes one number at a time: 12 times slower for
GELU. `load` and `store` are declared never to meet, so there is no test, and no second loop to
compile either; a loop over addresses compiles in half the time of one over arrays.

numba's fastmath lets LLVM reorder every sum. Where the order is what keeps the digits, `plus` and
`minus` stand for + and −. Read next: `vector.py`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

F32 = ir.FloatType()


def _place(builder: Any, address: Any, index: Any) -> Any:
    return builder.gep(builder.inttoptr(address, F32.as_pointer()), [index])


def _apart(builder: Any) -> Any:
    """LLVM's note that `load` and `store` never meet."""
    module = builder.module
    domain = module.add_metadata(["rinzler"])
    return module.add_metadata([module.add_metadata(["operands", domain])])


@intrinsic
def load(typing: Any, address: Any, index: Any) -> Any:
    """The float32 at an address, `index` floats on, that no `store` of this kernel has written.

    True for operands that do not overlap, and harmless in place as long as each number is loaded
    before its own place is stored to, as it is in `store(y, i, f(load(x, i)))`. What a kernel has
    stored itself it gets back with `reload`.
    """

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = builder.load(_place(builder, *values))
        found.set_metadata("alias.scope", _apart(builder))
        return found

    return types.float32(types.int64, types.int64), make


@intrinsic
def reload(typing: Any, address: Any, index: Any) -> Any:
    """The float32 at an address, `index` floats on, that this kernel may have stored."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_place(builder, *values))

    return types.float32(types.int64, types.int64), make


@intrinsic
def store(typing: Any, address: Any, index: Any, value: Any) -> Any:
    """Set the float32 at an address, `index` floats on; see `load`."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address, index, value = values
        stored = builder.store(value, _place(builder, address, index))
        stored.set_metadata("noalias", _apart(builder))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), make


@intrinsic
def plus(typing: Any, a: Any, b: Any) -> Any:
    """a + b as it stands; LLVM may make b·m + (1 − b)·g into g + b·(m − g) of an ordinary +."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values, flags=("contract",))  # flags of its own, so numba adds none

    return types.float32(types.float32, types.float32), make


@intrinsic
def minus(typing: Any, a: Any, b: Any) -> Any:
    """a − b as it stands; LLVM may make (x − m) − s into x − (m + s) of ordinary ones."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fsub(*values, flags=("contract",))

    return types.float32(types.float32, types.float32), make

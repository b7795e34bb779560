"""Vectors by hand: LANES numbers at a time, in one register, for kernels where loops do not do.

LLVM vectorises a loop over an array by itself, and mostly that is the way. It cannot keep a block
of sums in registers while another loop runs. For that there is a type here, as wide as the CPU's
registers, and the few operations that attention needs. A local variable that holds one is a
register; on a CPU whose registers are narrower than that LLVM uses several.

Addresses are trusted, as in `native.py`. Read next: `tiles.py`, products made of these.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from rinzler_numba import cpu, vector
from rinzler_numba.native import F32, I32


def widest() -> int:
    """16 where registers have 512 bits, else 8: a tile of 8 rows then fits 16 registers."""
    return 16 if cpu.has("avx512f") else 8


LANES = widest()
FLOATS, WHOLES = ir.VectorType(F32, LANES), ir.VectorType(I32, LANES)


class Lanes(types.Type):
    """LANES float32."""


lanes = Lanes("lanes")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


def place(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def splat(builder: Any, x: Any) -> Any:
    """A number in every lane."""
    row = ir.VectorType(x.type, LANES)
    first = builder.insert_element(ir.Constant(row, ir.Undefined), x, I32(0))
    return builder.shuffle_vector(first, first, ir.Constant(WHOLES, [0] * LANES))


def shared(builder: Any, name: str, body: Any, args: Any) -> None:
    """Call a function of machine code that is compiled once per kernel, however often called."""
    kind = ir.FunctionType(ir.VoidType(), [x.type for x in args])
    function = cgutils.get_or_insert_function(builder.module, kind, f"rinzler.{name}")
    if function.is_declaration:
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        inside = ir.IRBuilder(function.append_basic_block())
        body(inside, *function.args)
        inside.ret_void()
    builder.call(function, args)


def constant(value: Any) -> Any:
    """The same number in every lane."""
    return ir.Constant(FLOATS, [float(value)] * LANES)


def fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once where the CPU can; LLVM never rearranges it, as it may other sums."""
    return call(builder, "fmuladd", a, b, c)


def call(builder: Any, name: str, *args: Any) -> Any:
    """One of LLVM's own functions of vectors."""
    kind = ir.FunctionType(FLOATS, [FLOATS] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32")
    return builder.call(function, args)


@intrinsic
def single(typing: Any, address: Any) -> Any:
    """The float32 at an address."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(place(builder, args[0], F32), align=4)

    return types.float32(types.int64), make


@intrinsic
def put(typing: Any, address: Any, x: Any) -> Any:
    """Write one float32 at an address."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], place(builder, args[0], F32), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.float32), make


@intrinsic
def load(typing: Any, address: Any) -> Any:
    """LANES float32 from an address on, which need not be aligned."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(place(builder, args[0], FLOATS), align=4)

    return lanes(types.int64), make


@intrinsic
def store(typing: Any, address: Any, x: Any) -> Any:
    """Write LANES float32 from an address on."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], place(builder, args[0], FLOATS), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, lanes), make


@intrinsic
def spread(typing: Any, x: Any) -> Any:
    """A float32 in every lane."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return splat(builder, args[0])

    return lanes(types.float32), make


@intrinsic
def plus(typing: Any, a: Any, b: Any) -> Any:
    """a + b"""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(*args)

    return lanes(lanes, lanes), make


@intrinsic
def times(typing: Any, a: Any, b: Any) -> Any:
    """a·b"""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fmul(*args)

    return lanes(lanes, lanes), make


@intrinsic
def times_plus(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c"""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return fused(builder, *args)

    return lanes(lanes, lanes, lanes), make


@intrinsic
def larger(typing: Any, a: Any, b: Any) -> Any:
    """max(a, b); b where either is NaN."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return lanes(lanes, lanes), make


@intrinsic
def between(typing: Any, first: Any, last: Any, a: Any, b: Any) -> Any:
    """a in the lanes from `first` to `last`, b in the others."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = ir.Constant(WHOLES, list(range(LANES)))
        low, high = (splat(builder, builder.trunc(x, I32)) for x in args[:2])
        inside = builder.and_(
            builder.icmp_signed(">=", index, low), builder.icmp_signed("<=", index, high)
        )
        return builder.select(inside, *args[2:])

    return lanes(types.int64, types.int64, lanes, lanes), make


@intrinsic
def total(typing: Any, x: Any) -> Any:
    """The sum of all lanes."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, width = args[0], LANES
        while width > 1:  # fold the upper half on the lower one; halves fit narrower registers
            width //= 2
            kind = ir.VectorType(I32, width)
            lower = ir.Constant(kind, list(range(width)))
            upper = ir.Constant(kind, list(range(width, 2 * width)))
            halves = [builder.shuffle_vector(x, x, half) for half in (lower, upper)]
            x = builder.fadd(*halves)
        return builder.extract_element(x, I32(0))

    return types.float32(lanes), make


@intrinsic
def powers(typing: Any, x: Any) -> Any:
    """e^x in each lane, by the steps of `vector.exp`, which explains them."""

    def make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low, high = constant(vector.SMALLEST), constant(vector.LARGEST)
        x = builder.select(builder.fcmp_ordered("<", args[0], low), low, args[0])
        x = builder.select(builder.fcmp_ordered(">", x, high), high, x)
        n = call(builder, "floor", fused(builder, x, constant(vector.LOG2E), constant(0.5)))
        r = fused(builder, n, constant(-vector.LN2_HIGH), x)
        r = fused(builder, n, constant(-vector.LN2_LOW), r)
        p = constant(vector.C7)
        for c in (vector.C6, vector.C5, vector.C4, vector.C3, vector.C2):
            p = fused(builder, p, r, constant(c))
        p = builder.fadd(fused(builder, builder.fmul(p, r), r, r), constant(1.0))
        bias, shift = (ir.Constant(WHOLES, [k] * LANES) for k in (127, 23))
        exponent = builder.shl(builder.add(builder.fptosi(n, WHOLES), bias), shift)
        return builder.fmul(p, builder.bitcast(exponent, FLOATS))

    return lanes(lanes), make

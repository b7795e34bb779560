"""Functions of one number that vectorise, and the maximum of a row.

numba compiles `math.exp` to a call of the C library, one number at a time: 2 to 3 ns each. The
polynomial below is arithmetic only, so LLVM turns a loop of it into vector instructions: 0.14 ns
with AVX-512. All constants are float32 and all shifts int32: one float64 or int64 among them would
silently widen the whole loop.

Float maxima do not vectorise either: the compiler may not reorder comparisons that treat NaN and
−0.0 specially. Integer maxima do, and the bits of a float32, read as an int32, are in the order of
the floats once the negative ones are turned around (`ordered`). Read next: `activation.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

f4, i4 = np.float32, np.int32

LOG2E = f4(1.4426950408889634)  # 1/ln 2
LN2_HIGH = f4(0.693359375)  # ln 2 in two parts: n·LN2_HIGH is exact for |n| < 2¹⁵
LN2_LOW = f4(-2.12194440e-4)
LARGEST = f4(88.72284)  # exp of more is not a float32
SMALLEST = f4(-88.0)  # here n is −127, and 2ⁿ below comes out as 0
# Coefficients of a polynomial for e^r, |r| ≤ ln 2 / 2: r and 1 apart, by least maximal error
# (the set of Cephes' expf, S. Moshier).
C2, C3, C4 = f4(5.0000001201e-1), f4(1.6666665459e-1), f4(4.1665795894e-2)
C5, C6, C7 = f4(8.3334519073e-3), f4(1.3981999507e-3), f4(1.9875691500e-4)


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once where the CPU can, and never rearranged: sums in kernels may be."""

    def make(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        single = ir.FloatType()
        kind = ir.FunctionType(single, [single] * 3)
        name = "llvm.fmuladd.f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)

    return types.float32(*[types.float32] * 3), make


@register_jitable
def exp_parts(x: np.float32) -> tuple[np.float32, np.int32]:
    """(e^r, n) with e^x = 2ⁿ·e^r: n = ⌊x/ln 2 + ½⌋, r = x − n·ln 2; e^r is about ½√2 to √2."""
    n = np.floor(x * LOG2E + f4(0.5))
    r = multiply_add(n, -LN2_LOW, multiply_add(n, -LN2_HIGH, x))  # ln 2 must stay in two parts
    p = C7
    p = p * r + C6
    p = p * r + C5
    p = p * r + C4
    p = p * r + C3
    p = p * r + C2
    return p * r * r + r + f4(1.0), i4(n)


@register_jitable
def exp(x: np.float32) -> np.float32:
    """e^x; relative error ≤ 1.2e-7.

    x is clamped, with no branch that would stop the vector code: e^x is 0 below −87.7, where it
    leaves the normal numbers, and inf above 88.7. NaN stays NaN.
    """
    p, n = exp_parts(min(max(x, SMALLEST), LARGEST))
    power = i4((n + i4(127)) << i4(23)).view(f4)  # 2ⁿ: n in the place of the exponent
    return p * power


@register_jitable
def ordered(x: np.float32) -> np.int32:
    """An int32 that is in the order of the floats: x < y exactly where ordered(x) < ordered(y)."""
    bits = f4(x).view(i4)
    return bits ^ ((bits >> i4(31)) & i4(0x7FFFFFFF))


@register_jitable
def unordered(key: np.int32) -> np.float32:
    """The float32 of an `ordered` key: the same turn again."""
    return i4(key ^ ((key >> i4(31)) & i4(0x7FFFFFFF))).view(f4)

"""exp, log and tanh over the whole range of float32, each a polynomial after Cephes (S. Moshier).

As in `vector.py`, a formula is arithmetic only, so that loops of it become vector code: cases are
computed both ways and then chosen from. There is no branch and no call. The largest errors that
were measured, in units of the last place: exp 1.3, log 1.6, tanh 3. Read next: `elementwise.py`.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from rinzler_numba.vector import LN2_HIGH, LN2_LOW, exp, exp_parts, f4, i4

ZERO, HALF, ONE, TWO = f4(0.0), f4(0.5), f4(1.0), f4(2.0)
EXP_LOW, EXP_HIGH = f4(-104.0), f4(89.0)  # e^x is 0 below the one and inf above the other
NORMAL = i4(-125)  # least n for which e^r·2ⁿ is a normal number: e^r may be below 1


@register_jitable
def exp_of(x: np.float32) -> np.float32:
    """e^x over the whole range, down to the denormal numbers and 0, up to inf.

    2ⁿ goes on in two steps, as n may be out of an exponent's range: most of it is added to the
    exponent of e^r, and the rest is a factor, 1 almost everywhere.
    """
    reach = x if x > EXP_LOW else EXP_LOW  # also for NaN, which is no whole number n
    p, n = exp_parts(reach if reach < EXP_HIGH else EXP_HIGH)
    most = min(max(n, NORMAL), i4(127))
    scaled = i4(f4(p).view(i4) + i4(most << i4(23))).view(f4)
    rest = i4((n - most + i4(127)) << i4(23)).view(f4)
    return x if np.isnan(x) else scaled * rest


SMALLEST_NORMAL = f4(1.1754944e-38)
TO_NORMAL, SHIFTED = f4(2.0**25), i4(25)
INFINITY = f4(np.inf)
NAN = f4(np.nan)
ROOT_HALF = f4(0.70710678)
L3, L4, L5 = f4(3.3333331174e-1), f4(-2.4999993993e-1), f4(2.0000714765e-1)
L6, L7, L8 = f4(-1.6668057665e-1), f4(1.4249322787e-1), f4(-1.2420140846e-1)
L9, L10, L11 = f4(1.1676998740e-1), f4(-1.1514610310e-1), f4(7.0376836292e-2)


@register_jitable
def log_of(a: np.float32) -> np.float32:
    """ln a = n·ln 2 + ln(1 + f), a = 2ⁿ·(1 + f) with ½√2 ≤ 1 + f < √2."""
    tiny = a < SMALLEST_NORMAL
    bits = f4(a * TO_NORMAL if tiny else a).view(i4)
    n = (bits >> i4(23)) - i4(126) - (SHIFTED if tiny else i4(0))
    m = i4((bits & i4(0x007FFFFF)) | i4(0x3F000000)).view(f4)  # ½ ≤ m < 1
    small = m < ROOT_HALF
    f = (m + m if small else m) - ONE
    power = f4(n - i4(1) if small else n)
    p = L11
    p = p * f + L10
    p = p * f + L9
    p = p * f + L8
    p = p * f + L7
    p = p * f + L6
    p = p * f + L5
    p = p * f + L4
    p = p * f + L3
    square = f * f
    y = (f * square * p + power * LN2_LOW) - HALF * square
    y = (f + y) + power * LN2_HIGH
    y = y if a < INFINITY else a  # inf, and NaN, which is not below it
    y = y if a != ZERO else -INFINITY
    return NAN if a < ZERO else y


T3, T5, T7 = f4(-3.33332819422e-1), f4(1.33314422036e-1), f4(-5.37397155531e-2)
T9, T11 = f4(2.06390887954e-2), f4(-5.70498872745e-3)
TANH_NEAR = f4(0.625)


@register_jitable
def tanh_of(a: np.float32) -> np.float32:
    """1 − 2/(e²ᵃ + 1); near 0, where that cancels, an odd polynomial."""
    square = a * a
    p = T11
    p = p * square + T9
    p = p * square + T7
    p = p * square + T5
    p = p * square + T3
    near = p * square * a + a
    far = ONE - TWO / (exp(TWO * a) + ONE)
    return near if abs(a) < TANH_NEAR else far

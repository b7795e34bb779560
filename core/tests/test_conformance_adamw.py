"""AdamW in every order of operations that is in use passes the kit, in both dtypes.

The bound counts the roundings of each order (`reference/update.py`); that wrong formulas do not
pass is shown beside the other planted bugs (`tests/promises/planted/bugs_in_fused.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rinzler.conformance.altered import Altered
from rinzler.conformance.bounded import PRECISIONS, Bounded
from rinzler.conformance.cases import cases_of
from rinzler.conformance.drawn import generated
from rinzler.conformance.run import run_case
from rinzler.ops import Device
from rinzler.plugins import open_device

Kernel = Callable[..., None]
DRAWN = 300


def ours(p: Any, m: Any, v: Any, g: Any, hyper: Any, scale: Any, ok: Any) -> None:
    """As core's default: the decay inside of the step."""
    if ok:
        lr, beta1, beta2, eps, decay, c1, c2 = hyper
        one = p.dtype.type(1)
        g = g * scale
        m[...] = beta1 * m + (one - beta1) * g
        v[...] = beta2 * v + (one - beta2) * (g * g)
        p -= lr * (m / c1 / (np.sqrt(v / c2) + eps) + decay * p)


def pytorch(p: Any, m: Any, v: Any, g: Any, hyper: Any, scale: Any, ok: Any) -> None:
    """As torch.optim.AdamW (`_single_tensor_adamw`): decay first, a lerp, two roots."""
    if ok:
        lr, beta1, beta2, eps, decay, c1, c2 = hyper
        one = p.dtype.type(1)
        g = g * scale
        p *= one - lr * decay
        m += (one - beta1) * (g - m)
        v *= beta2
        v += (one - beta2) * g * g
        denominator = np.sqrt(v) / np.sqrt(c2) + eps
        p -= lr / c1 * m / denominator


def fused(p: Any, m: Any, v: Any, g: Any, hyper: Any, scale: Any, ok: Any) -> None:
    """As a GPU would: multiply-adds that round once, reciprocals instead of quotients."""
    if ok:
        lr, beta1, beta2, eps, decay, c1, c2 = hyper
        one = p.dtype.type(1)
        g = g * scale
        m[...] = multiply_add(one - beta1, g - m, m)
        v[...] = multiply_add(beta2, v, (one - beta2) * g * g)
        inverse = one / multiply_add(np.sqrt(v), one / np.sqrt(c2), eps)
        kept = p * multiply_add(-lr, decay, one)
        p[...] = multiply_add(-(lr / c1) * m, inverse, kept)


def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once, where there are wider floats to compute it in."""
    dtype = np.result_type(a, b, c)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    return (np.asarray(a, wide) * np.asarray(b, wide) + np.asarray(c, wide)).astype(dtype)


@pytest.mark.parametrize("kernel", [ours, pytorch, fused], ids=lambda kernel: kernel.__name__)
def test_every_order_of_operations_passes(kernel: Kernel) -> None:
    device = Device(Altered(open_device("numpy").backend, replaced={"adamw": kernel}))
    cases = [*cases_of("adamw"), *(generated("adamw", index) for index in range(DRAWN))]
    with np.errstate(all="ignore"):
        results = [
            run_case(device, case, dtype, aliases=False)
            for case in cases
            for dtype in ("float32", "float64")
        ]
    assert len(results) == 2 * (DRAWN + len(cases_of("adamw")))
    assert [str(result) for result in results if not result.ok] == []


def test_another_order_adds_its_own_roundings_and_no_factor() -> None:
    """|p| is rounded three times in p·(1 − lr·decay) − step, and once in p − lr·(…)."""
    precision = PRECISIONS["float32"]
    p, lr, decay, step = (Bounded.exact(x, precision) for x in (1.0, 1e-3, 0.1, 1e-3))
    once = p - lr * decay * p
    thrice = p * (1.0 - lr * decay) - step
    assert float(once.error) == pytest.approx(2 * precision.unit, rel=1e-2)
    assert float(thrice.error) == pytest.approx(6 * precision.unit, rel=1e-2)
    assert float(once.or_as(thrice).error) == float(thrice.error)
    assert float(thrice.or_as(once).error) == float(thrice.error)

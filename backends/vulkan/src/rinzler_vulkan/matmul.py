"""`matmul` and the layers made of it: `linear`, `linear_gelu`, `linear_bwd`.

What else a layer does happens while its numbers are in registers anyway: the bias and GELU before a
result is stored, the sums for the bias's gradient while g is read for that of the weights.

Leaves out: GELU where w is cut through K, since no single call has the whole sum then; core's
default runs instead. Read next: `gather.py`; the formulas stand in `rinzler.ops.matmul`.
"""

from __future__ import annotations

from rinzler.ops.spec import Specs
from rinzler_vulkan.call import Call, Scratch
from rinzler_vulkan.caps import DeviceCaps
from rinzler_vulkan.memory import Memory
from rinzler_vulkan.product import CUT, product


def matmul(
    caps: DeviceCaps,
    y: Memory,
    a: Memory,
    b: Memory,
    *,
    ta: bool = False,
    tb: bool = False,
    accumulate: bool = False,
) -> list[Call]:
    return product(caps, y, a, b, ta=ta, tb=tb, accumulate=accumulate)


def linear(caps: DeviceCaps, y: Memory, x: Memory, w: Memory, b: Memory | None) -> list[Call]:
    return product(caps, y, x, w, bias=b)  # (N, in) @ (in, out)


def linear_gelu(
    caps: DeviceCaps, y: Memory, pre: Memory, x: Memory, w: Memory, b: Memory | None
) -> list[Call]:
    return product(caps, y, x, w, bias=b, pre=pre)


def linear_bwd(
    caps: DeviceCaps,
    dx: Memory,
    dw: Memory | None,
    db: Memory | None,
    x: Memory,
    w: Memory,
    g: Memory,
) -> list[Call]:
    calls = product(caps, dx, g, w, tb=True)  # (N, out) @ (out, in)
    if dw is not None:
        calls += product(caps, dw, x, g, ta=True, accumulate=True, sums=db)  # (in, N) @ (N, out)
    elif db is not None:  # rare: the sums come with a product that nobody wants
        calls += product(caps, Scratch(w.shape), x, g, ta=True, sums=db)
    return calls


def gelu_fits(caps: DeviceCaps, specs: Specs) -> bool:
    """Whether a shader sees all of w at once."""
    w = specs[1]
    return w is not None and 4 * (w.shape[0] * w.shape[1] + CUT) <= caps.max_range


KERNELS = {
    "matmul": matmul,
    "linear": linear,
    "linear_gelu": linear_gelu,
    "linear_bwd": linear_bwd,
}
SUPPORTS = {"linear_gelu": gelu_fits}

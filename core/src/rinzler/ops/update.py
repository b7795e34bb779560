"""AdamW over a flat buffer: one pass over parameters, moments and gradients.

Adam scales each step by running means of the gradient and its square (Kingma and Ba 2014,
arXiv:1412.6980, algorithm 1); AdamW takes weight decay out of the gradient and applies it to the
weight directly (Loshchilov and Hutter 2017, arXiv:1711.05101, algorithm 2).

Rates and corrections come as an array, `hyper`, because they change from step to step: a recorded
step must not freeze them. Read next: `random.py`.
"""

from __future__ import annotations

from typing import Any

from rinzler.ops.dispatch import call
from rinzler.ops.spec import OpSpec, Spec, Specs, expect_shape, register, same_float, size_of

HYPER = ("lr", "beta1", "beta2", "eps", "weight_decay", "correction1", "correction2")


def _infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    p, m, v, g, hyper, scale, ok = specs
    names = ("p", "m", "v", "g", "hyper", "scale", "ok")
    dtype = same_float("adamw", names, specs)
    for name, x in zip(names[1:4], (m, v, g), strict=True):
        expect_shape("adamw", name, x, tuple(p.shape), "that of p")
    expect_shape("adamw", "hyper", hyper, (len(HYPER),), ", ".join(HYPER))
    expect_shape("adamw", "scale", scale, (), "one number")
    expect_shape("adamw", "ok", ok, (), "one number")
    return (Spec(tuple(p.shape), dtype),) * 3


def element(x: Any, index: int) -> Any:
    """One element of a vector, as an array of shape ()."""
    return call("slice", x, starts=(index,), shape=(1,)).reshape(())


def _default(outs: Any, g: Any, hyper: Any, scale: Any, ok: Any) -> None:
    p, m, v = outs
    lr, beta1, beta2, eps, decay, correction1, correction2 = (
        element(hyper, index) for index in range(len(HYPER))
    )
    one = g.device.full((), 1.0, g.dtype)
    go = call("expand", ok, shape=p.shape)
    g = call("mul", g, scale)
    new_m = call("add", call("mul", m, beta1), call("mul", g, call("sub", one, beta1)))
    square = call("mul", call("mul", g, g), call("sub", one, beta2))
    new_v = call("add", call("mul", v, beta2), square)
    deviation = call("add", call("sqrt", call("div", new_v, correction2)), eps)
    step = call("div", call("div", new_m, correction1), deviation)
    step = call("add", step, call("mul", p, decay))
    new_p = call("sub", p, call("mul", step, lr))
    for new, old in ((new_p, p), (new_m, m), (new_v, v)):
        call("where", go, new, old, out=old)


def _cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    n = size_of(specs[0].shape)
    return 14 * n, 7 * 4 * n


register(
    OpSpec(
        "adamw",
        ("g", "hyper", "scale", "ok"),
        ("p", "m", "v"),
        """
        Forward   g' = g·scale; m = β1·m + (1 − β1)·g'; v = β2·v + (1 − β2)·g'²;
                  p −= lr·(m/c1 / (√(v/c2) + eps) + decay·p), c1 = 1 − β1ᵗ, c2 = 1 − β2ᵗ.
                  All three stay as they are where ok is 0; hyper is lr, β1, β2, eps, decay, c1, c2.
        Gradient  none: it is where the gradient ends.
        Hazard    early on v is tiny: eps must stand outside of the root, and c2 must not be
                  computed as a difference of rounded powers in float32.
        """,
        _infer,
        None,
        _default,
        updates=(0, 1, 2),
        cost=_cost,
    )
)

"""Cross-entropy of logits against ids: the one loss that a language model needs.

−ln p(target) is how many nats the model would need to encode the token that came (Shannon 1948).
Fused with softmax because the gradient then is simply p − one_hot, with no division in between.
Read next: `update.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rinzler.ops.dispatch import call
from rinzler.ops.normalization import spread
from rinzler.ops.reduce import total
from rinzler.ops.spec import (
    OpSpec,
    Spec,
    Specs,
    expect_ids,
    expect_rank,
    expect_shape,
    register,
    same_float,
    size_of,
)


def _check(op: str, logits: Any, targets: Any) -> None:
    expect_rank(op, "logits", logits, 2)
    expect_ids(op, "targets", targets, logits.shape[1], "the columns of the logits")
    expect_shape(op, "targets", targets, (logits.shape[0],), "one for each row")


def _infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    logits, targets = specs
    _check("cross_entropy", logits, targets)
    dtype = same_float("cross_entropy", ("logits",), (logits,))
    return Spec((), dtype), Spec((logits.shape[0],), dtype)


def _identity(like: Any, n: int) -> Any:
    device, dtype = like.device, like.dtype
    return device.cached(("identity", n, dtype), lambda: device.array(np.eye(n, dtype=dtype)))


def one_hot(targets: Any, like: Any) -> Any:
    """(N,) ids -> (N, V) of 0 and 1, from `take_rows` and `add_rows` alone."""
    rows, vocabulary = like.shape
    if vocabulary <= rows:
        return call("take_rows", _identity(like, vocabulary), targets)
    columns = like.device.full((vocabulary, rows), 0.0, like.dtype)
    call("add_rows", targets, _identity(like, rows), out=columns)
    return call("permute", columns, axes=(1, 0))  # (V, N) -> (N, V)


def _default(outs: Any, logits: Any, targets: Any) -> None:
    loss, lse = outs
    top = call("max_rows", logits)
    powers = call("exp", call("sub", logits, spread(top, logits)))
    call("add", top, call("log", call("sum_rows", powers)), out=lse)
    # `where` and not a product: a logit of −inf at another place must not become 0·inf.
    zero = logits.device.constant(0.0, logits.dtype)
    at_target = call("sum_rows", call("where", one_hot(targets, logits), logits, zero))
    sum_of_losses = total(call("sub", lse, at_target))
    per_row = logits.device.constant(1.0 / logits.shape[0], logits.dtype)
    call("mul", sum_of_losses, per_row, out=loss)


def _vjp(node: Any, grads: Any, needs: Any) -> tuple[Any, ...]:
    saved = (node["logits"], node["targets"], node["lse"])
    return call("cross_entropy_bwd", *saved, grads[0]), None


def _bwd_infer(specs: Specs, attrs: dict[str, Any]) -> tuple[Spec, ...]:
    logits, targets, lse, g = specs
    _check("cross_entropy_bwd", logits, targets)
    expect_shape("cross_entropy_bwd", "lse", lse, (logits.shape[0],), "one for each row")
    expect_shape("cross_entropy_bwd", "g", g, (), "that of the loss")
    dtype = same_float("cross_entropy_bwd", ("logits", "lse", "g"), (logits, lse, g))
    return (Spec(tuple(logits.shape), dtype),)


def _bwd_default(outs: Any, logits: Any, targets: Any, lse: Any, g: Any) -> None:
    p = call("exp", call("sub", logits, spread(lse, logits)))
    difference = call("sub", p, one_hot(targets, logits))
    per_row = logits.device.constant(1.0 / logits.shape[0], logits.dtype)
    call("mul", difference, call("mul", g, per_row), out=outs[0])


def _cost(specs: Specs, attrs: dict[str, Any]) -> tuple[int, int]:
    n = size_of(specs[0].shape)
    return 8 * n, 8 * n


register(
    OpSpec(
        "cross_entropy",
        ("logits", "targets"),
        ("loss", "lse"),
        """
        Forward   lse[n] = ln Σ_v e^(z[n, v]); loss = mean over n of lse[n] − z[n, target[n]].
        Gradient  ∂lse/∂z = softmax(z) = e^(z − lse), so z takes (e^(z − lse) − one_hot)·g/N.
        Hazard    −ln of a softmax that underflowed is inf; lse keeps the maximum out of exp.
        """,
        _infer,
        _vjp,
        _default,
        saves=("logits", "targets", "lse"),
        cost=_cost,
    )
)
register(
    OpSpec(
        "cross_entropy_bwd",
        ("logits", "targets", "lse", "g"),
        ("dlogits",),
        """
        Forward   dz = (e^(z − lse) − one_hot(targets))·g/N; may work in place over the logits.
        Gradient  none: Rinzler differentiates once.
        Hazard    the 1 is subtracted from a p near 1 when the model is sure: few bits are left,
                  and few are needed.
        """,
        _bwd_infer,
        None,
        _bwd_default,
        inplace=(0,),
        cost=_cost,
    )
)

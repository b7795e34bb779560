"""Facts of single fused kernels: memory they may reuse, operands that are absent, steps refused."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from rinzler.ops import Device, call

FLOATS = ["float32", "float64"]


def test_a_logit_of_minus_infinity_is_an_impossible_id(device: Device) -> None:
    z = device.array(np.array([[0.0, -inf, 0.0]], "float32"))
    targets = device.array(np.array([2], "int32"))
    loss, lse = call("cross_entropy", z, targets)
    assert loss.item() == pytest.approx(np.log(2))
    dz = call("cross_entropy_bwd", z, targets, lse, device.full((), 1.0, "float32"))
    np.testing.assert_allclose(dz.numpy(), [[0.5, 0.0, -0.5]], rtol=1e-6)


class Step:
    """Operands of one AdamW step over n numbers."""

    def __init__(self, device: Device, rng: np.random.Generator, n: int, dtype: str) -> None:
        self.device, self.dtype = device, dtype
        self.p, self.m, self.g = (rng.standard_normal(n).astype(dtype) for _ in range(3))
        self.v = rng.random(n).astype(dtype)
        self.hyper = np.array([1e-2, 0.9, 0.99, 1e-8, 0.1, 0.19, 0.0199], dtype)

    def run(self, g: np.ndarray, scale: float, ok: float) -> list[np.ndarray]:
        """p, m and v after the step."""
        outs = tuple(self.device.array(x) for x in (self.p, self.m, self.v))
        flags = (self.device.full((), value, self.dtype) for value in (scale, ok))
        call("adamw", self.device.array(g), self.device.array(self.hyper), *flags, out=outs)
        return [x.numpy() for x in outs]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", [nan, inf, 1.0])
def test_adamw_changes_nothing_where_ok_is_zero(
    device: Device, rng: np.random.Generator, bad: float, dtype: str
) -> None:
    step = Step(device, rng, 70_000, dtype)
    g = step.g.copy()
    g[::7] = bad
    for now, before in zip(step.run(g, bad, 0.0), (step.p, step.m, step.v), strict=True):
        assert now.tobytes() == before.tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
def test_attention_does_not_see_the_future(
    device: Device, rng: np.random.Generator, dtype: str
) -> None:
    """Other keys and values after position t change no bit of y[t], and of the gradient before."""
    (b, t, h, d), cut = (2, 75, 3, 4), 50
    qkv = rng.standard_normal((b, t, 3 * h * d)).astype(dtype)
    other = qkv.copy()
    other[:, cut:] = 9.0 * rng.standard_normal((b, t - cut, 3 * h * d))
    g = rng.standard_normal((b, t, h * d)).astype(dtype)
    g[:, cut:] = 0.0
    results = []
    for packed in (qkv, other):
        x = device.array(packed)
        y, lse = call("attention", x, heads=h)
        dqkv = call("attention_bwd", x, y, lse, device.array(g), heads=h)
        results.append((y.numpy()[:, :cut], lse.numpy()[:, :, :cut], dqkv.numpy()))
    for mine, reference in zip(results[0][:2], results[1][:2], strict=True):
        np.testing.assert_array_equal(mine, reference)
    gradient, other_gradient = results[0][2], results[1][2]
    assert (gradient[:, cut:] == 0.0).all()  # what nobody looked at takes no gradient
    np.testing.assert_allclose(
        gradient[:, :cut],
        other_gradient[:, :cut],
        rtol=1e-4,
        atol=1e-5 if dtype == "float32" else 0,
    )

"""Facts of single fused kernels: memory they may reuse, operands that are absent, steps refused."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from rinzler.ops import Device, call

FLOATS = ["float32", "float64"]


@pytest.mark.parametrize("dtype", FLOATS)
def test_cross_entropy_bwd_may_write_over_the_logits(
    device: Device, rng: np.random.Generator, dtype: str
) -> None:
    z = device.array(rng.standard_normal((40, 9)), dtype)
    targets = device.array(rng.integers(0, 9, 40))
    g = device.full((), 0.7, dtype)
    _, lse = call("cross_entropy", z, targets)
    fresh = call("cross_entropy_bwd", z, targets, lse, g).numpy()
    over = call("cross_entropy_bwd", z, targets, lse, g, out=z)
    assert over is z
    assert z.numpy().tobytes() == fresh.tobytes()


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
def test_adamw_follows_its_formula_and_scales_first(
    device: Device, rng: np.random.Generator, dtype: str
) -> None:
    step = Step(device, rng, 50, dtype)
    got = step.run(step.g, 0.25, 1.0)
    lr, beta1, beta2, eps, decay, c1, c2 = (float(x) for x in step.hyper)
    p, m, v, g = (x.astype("float64") for x in (step.p, step.m, step.v, step.g))
    g *= 0.25
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    p -= lr * (m / c1 / (np.sqrt(v / c2) + eps) + decay * p)
    for mine, reference in zip(got, (p, m, v), strict=True):
        # 1 − β rounds in float32, with a relative error of about 6e-8 / (1 − β).
        np.testing.assert_allclose(mine, reference, rtol=100 * np.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("absent", ["dw", "db", "both"])
def test_layer_norm_bwd_leaves_out_what_is_not_wanted(
    device: Device, rng: np.random.Generator, absent: str
) -> None:
    x, g = (device.array(rng.standard_normal((6, 5))) for _ in range(2))
    w = device.array(rng.standard_normal(5))
    y, mean, rstd = call("layer_norm", x, w, None, eps=1e-5)
    assert y.shape == (6, 5)

    def run(want_dw: bool, want_db: bool) -> list[np.ndarray | None]:
        given = [device.full((5,), 1.0, "float64") if want else None for want in (want_dw, want_db)]
        outs = call("layer_norm_bwd", x, w, mean, rstd, g, out=(None, *given))
        return [None if out is None else out.numpy() for out in outs]

    all_three = run(True, True)
    some = run(absent == "db", absent == "dw")
    for mine, reference in zip(some, all_three, strict=True):
        if mine is not None:
            np.testing.assert_array_equal(mine, reference)
    assert [x is None for x in some] == [False, absent != "db", absent != "dw"]


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

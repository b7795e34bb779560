"""AdamW over flat buffers: every length, refused steps, NaN, any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import numpy as np
import pytest

from rinzler.conformance.run import run_case
from rinzler.conformance.table.update import FIRST, adamw
from rinzler.ops import Array, Device, call

HYPER = np.array([1e-2, 0.9, 0.99, 1e-8, 0.1, 0.19, 0.0199], "float32")


class Step:
    """Operands of one step over n numbers."""

    def __init__(self, device: Device, rng: np.random.Generator, n: int) -> None:
        self.device = device
        self.p, self.m, self.g = (rng.standard_normal(n).astype("float32") for _ in range(3))
        self.v = rng.random(n).astype("float32")

    def run(self, scale: float = 1.0, ok: float = 1.0) -> tuple[Array, ...]:
        """p, m and v after the step."""
        outs = tuple(self.device.array(x) for x in (self.p, self.m, self.v))
        flags = (self.device.full((), value, "float32") for value in (scale, ok))
        call("adamw", self.device.array(self.g), self.device.array(HYPER), *flags, out=outs)
        return outs


@pytest.mark.parametrize("n", [2, 15, 16, 17, 63, 65, 4095, 4097, 8193, 300_007])
def test_lengths_around_vectors_and_blocks(device: Device, n: int) -> None:
    """Within the bounds of the shared cases, fences untouched."""
    assert "adamw" in device.backend.kernels  # and not core's default
    for row in (adamw(f"long-{n}", (n,), scale=0.3), adamw(f"first-{n}", (n,), FIRST)):
        result = run_case(device, row, "float32")
        assert result.ok, str(result)


@pytest.mark.parametrize("bad", [nan, inf, -inf, 1.0])
def test_nothing_changes_where_ok_is_zero(
    device: Device, rng: np.random.Generator, bad: float
) -> None:
    step = Step(device, rng, 70_001)
    step.g[::7] = bad
    step.p[3], step.m[5], step.v[9] = -0.0, nan, 1e-42  # kept as they are, too
    before = [x.tobytes() for x in (step.p, step.m, step.v)]
    assert [x.numpy().tobytes() for x in step.run(scale=bad, ok=0.0)] == before


def test_nan_in_a_gradient_reaches_its_own_parameter_only(
    device: Device, rng: np.random.Generator
) -> None:
    step = Step(device, rng, 1000)
    step.g[[0, 517, 999]] = nan
    for x in step.run():
        assert np.flatnonzero(np.isnan(x.numpy())).tolist() == [0, 517, 999]


def test_a_small_moment_survives_a_large_gradient(device: Device, rng: np.random.Generator) -> None:
    """β·m + (1 − β)·g as it stands: g + β·(m − g) would leave rounding errors of g where they
    cancel."""
    step = Step(device, rng, 4096)
    step.m = (-step.g / np.float32(9.0)).astype("float32")  # 0.9·m = −0.1·g: they almost cancel
    _, m, _ = step.run()
    beta = float(HYPER[1])
    exact = beta * step.m.astype("float64") + (1.0 - beta) * step.g
    fair = 4.0 * np.finfo("float32").eps * 0.1 * abs(step.g)
    assert (abs(m.numpy() - exact) <= fair).all()


def test_bits_do_not_depend_on_threads(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list]
) -> None:
    step = Step(device, rng, 300_001)
    found = on_threads(lambda: step.run(scale=0.5))
    assert found[1:] == found[:1] * 3

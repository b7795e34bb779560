"""Cross-entropy: vocabularies of all sizes, extremes, in place, any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import numpy as np
import pytest

from rinzler.conformance.case import floats, ids, normal
from rinzler.conformance.run import run_case
from rinzler.conformance.table.normalization import losses
from rinzler.ops import Device, call

SHAPES = [(2, 15), (3, 16), (33, 17), (5, 64), (700, 65), (300, 1000), (4099, 5), (3, 50257)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_vocabularies_of_any_size(device: Device, shape: tuple[int, int]) -> None:
    """Within the bounds of the shared cases, fences untouched, fresh and over the logits."""
    for row in losses(f"wide-{shape}", floats(shape, normal(3.0)), ids(shape[1])):
        assert row.op in device.backend.kernels  # and not core's default
        result = run_case(device, row, "float32")
        assert result.ok, str(result)


def test_the_mean_over_many_rows_keeps_its_digits(device: Device, rng: np.random.Generator) -> None:
    rows = 100_000
    z = rng.standard_normal((rows, 3)).astype("float32")
    targets = rng.integers(0, 3, rows)
    loss, lse = call("cross_entropy", device.array(z), device.array(targets))
    wide = z.astype("float64")
    exact = np.log(np.exp(wide).sum(axis=1))
    np.testing.assert_allclose(lse.numpy(), exact, rtol=0, atol=1e-6)
    mean = (exact - wide[np.arange(rows), targets]).mean()
    assert abs(loss.item() - mean) < 1e-7


def test_nan_and_impossible_targets_are_seen(device: Device, rng: np.random.Generator) -> None:
    z = rng.standard_normal((40, 70)).astype("float32")
    targets = np.full(40, 5)
    z[7, 5] = -inf
    loss, lse = call("cross_entropy", device.array(z), device.array(targets))
    assert loss.item() == inf
    assert np.isfinite(lse.numpy()).all()
    z[30, 69] = nan
    loss, lse = call("cross_entropy", device.array(z), device.array(targets))
    assert np.isnan(loss.item())
    assert np.flatnonzero(np.isnan(lse.numpy())).tolist() == [30]
    g = device.full((), 1.0, "float32")
    dz = call("cross_entropy_bwd", device.array(z), device.array(targets), lse, g).numpy()
    assert np.isnan(dz).all(axis=1).nonzero()[0].tolist() == [30]
    assert np.isnan(dz).sum() == 70
    assert dz[7, 5] == -np.float32(1 / 40)


@pytest.mark.parametrize("columns", [65, 1000])
def test_the_gradient_written_over_the_logits_is_the_same_to_the_bit(
    device: Device, rng: np.random.Generator, columns: int
) -> None:
    z = device.array(rng.standard_normal((513, columns)).astype("float32"))
    targets = device.array(rng.integers(0, columns, 513))
    g = device.full((), 0.7, "float32")
    _, lse = call("cross_entropy", z, targets)
    fresh = call("cross_entropy_bwd", z, targets, lse, g).numpy()
    over = call("cross_entropy_bwd", z, targets, lse, g, out=z)
    assert over is z
    assert z.numpy().tobytes() == fresh.tobytes()


def test_bits_do_not_depend_on_threads(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list]
) -> None:
    z = device.array(rng.standard_normal((1025, 333)).astype("float32"))
    targets = device.array(rng.integers(0, 333, 1025))
    g = device.full((), 1.0, "float32")
    _, lse = call("cross_entropy", z, targets)
    found = on_threads(lambda: call("cross_entropy", z, targets))
    assert found[1:] == found[:1] * 3
    found = on_threads(lambda: [call("cross_entropy_bwd", z, targets, lse, g)])
    assert found[1:] == found[:1] * 3

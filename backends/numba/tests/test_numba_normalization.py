"""layer_norm and its gradient: widths, offsets, sums over many rows, any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any

import numpy as np
import pytest

from rinzler.conformance.case import Case, case, floats, normal
from rinzler.conformance.run import run_case
from rinzler.conformance.table.normalization import layer_norm_bwd
from rinzler.ops import Device, call

F32 = np.float32
SHAPES = [(2, 15), (3, 16), (3, 17), (5, 63), (9, 64), (5, 65), (4099, 5), (1025, 64), (3, 12289)]


def cases(shape: tuple[int, int], spread: float = 2.0, offset: float = 0.0) -> list[Case]:
    x = floats(shape, normal(spread, offset))
    w, b = floats(shape[1:]), floats(shape[1:])
    name = f"wide-{shape}-{spread}-{offset}"
    forward = [
        case("layer_norm", f"{name}-{known}", x, w, bias, eps=1e-5)
        for known, bias in (("b", b), ("no-b", None))
    ]
    return [*forward, layer_norm_bwd(name, x, 1e-5)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_of_any_width(device: Device, shape: tuple[int, int]) -> None:
    """Within the bounds of the shared cases, fences untouched."""
    for row in cases(shape):
        assert row.op in device.backend.kernels  # and not core's default
        result = run_case(device, row, "float32")
        assert result.ok, str(result)


@pytest.mark.parametrize("offset", [1e3, -1e4])
def test_an_offset_far_larger_than_the_spread(device: Device, offset: float) -> None:
    """The variance of x − mean; the mean of x² less the square of the mean would be all noise."""
    for row in cases((33, 200), 1.0, offset):
        result = run_case(device, row, "float32")
        assert result.ok, str(result)


def gradient(device: Device, ins: list[Any], want: tuple[bool, bool]) -> list[Any]:
    """dx, dw and db, the last two on top of 1 where they are wanted."""
    width = ins[0].shape[1]
    slots = [device.full((width,), 1.0, "float32") if wanted else None for wanted in want]
    return list(call("layer_norm_bwd", *ins, out=(None, *slots)))


def operands(device: Device, rng: np.random.Generator, rows: int, width: int) -> list[Any]:
    x, g = (device.array(rng.standard_normal((rows, width)).astype(F32)) for _ in range(2))
    w = device.array(rng.standard_normal(width).astype(F32))
    _, mean, rstd = call("layer_norm", x, w, None, eps=1e-5)
    return [x, w, mean, rstd, g]


@pytest.mark.parametrize("want", [(True, False), (False, True), (False, False)], ids=str)
def test_absent_gradients_change_no_bit_of_the_others(
    device: Device, rng: np.random.Generator, want: tuple[bool, bool]
) -> None:
    ins = operands(device, rng, 600, 65)
    both, some = gradient(device, ins, (True, True)), gradient(device, ins, want)
    assert [x is not None for x in some] == [True, *want]
    for mine, reference in zip(some, both, strict=True):
        assert mine is None or mine.numpy().tobytes() == reference.numpy().tobytes()


def test_a_long_column_of_equal_numbers_keeps_its_digits(device: Device) -> None:
    """One after the other, float32 loses digits that sums of groups keep."""
    rows, width = 65536, 17
    x = np.tile(np.linspace(-1, 1, width).astype(F32), (rows, 1))
    w = device.full((width,), 1.0, "float32")
    _, mean, rstd = call("layer_norm", device.array(x), w, None, eps=1e-5)
    g = device.full((rows, width), 0.1, "float32")
    slots = [device.full((width,), 0.0, "float32") for _ in range(2)]
    _, dw, db = call("layer_norm_bwd", device.array(x), w, mean, rstd, g, out=(None, *slots))
    normal_x = (x[0] - x[0].astype("f8").mean()) / np.sqrt(x[0].astype("f8").var() + 1e-5)
    slack = 2 * rows**0.5 * np.finfo(F32).eps
    np.testing.assert_allclose(db.numpy(), rows * float(F32(0.1)), rtol=slack)
    np.testing.assert_allclose(dw.numpy(), rows * 0.1 * normal_x, rtol=slack, atol=rows * 1e-8)


def test_large_gradients_before_do_not_swallow_small_ones(device: Device) -> None:
    """The lines of scratch are added among themselves first, then to what dw and db hold."""
    rows, width = 4096, 64
    x = device.array(np.tile(np.array([-1.0, 1.0], F32), (rows, width // 2)))
    w = device.full((width,), 1.0, "float32")
    _, mean, rstd = call("layer_norm", x, w, None, eps=1e-5)
    g = device.full((rows, width), 2.0**-14, "float32")
    slots = [device.full((width,), 2.0**20, "float32") for _ in range(2)]
    _, _, db = call("layer_norm_bwd", x, w, mean, rstd, g, out=(None, *slots))
    assert (db.numpy() == 2.0**20 + 0.25).all()


def test_nan_reaches_its_row_and_the_sums_over_rows(
    device: Device, rng: np.random.Generator
) -> None:
    x = rng.standard_normal((300, 70)).astype(F32)
    x[200, 3] = nan
    w = device.full((70,), 1.0, "float32")
    y, mean, rstd = call("layer_norm", device.array(x), w, w, eps=1e-5)
    assert np.isnan(y.numpy()).all(axis=1).nonzero()[0].tolist() == [200]
    assert np.isnan(y.numpy()).sum() == 70
    assert np.isnan([mean.numpy()[200], rstd.numpy()[200]]).all()
    dx, dw, db = gradient(device, [device.array(x), w, mean, rstd, y], (True, True))
    assert np.isnan(dx.numpy()).all(axis=1).nonzero()[0].tolist() == [200]
    assert np.isnan(dw.numpy()).all()
    assert np.isnan(db.numpy()).all()


def test_bits_do_not_depend_on_threads(
    device: Device, rng: np.random.Generator, on_threads: Callable[..., list]
) -> None:
    ins = operands(device, rng, 3001, 129)
    found = on_threads(lambda: gradient(device, ins, (True, True)))
    assert found[1:] == found[:1] * 3
    x, w = ins[:2]
    found = on_threads(lambda: call("layer_norm", x, w, w, eps=1e-5))
    assert found[1:] == found[:1] * 3

"""The row and elementwise kernels: both variants of each, in pieces, over many blocks, and moved.

The conformance cases run in `test_vulkan_conformance.py` on the device as it is; here they run
where several invocations share a row, which a software driver does not choose by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from vulkan_testing import settings

from rinzler.conformance.case import Case
from rinzler.conformance.cases import CASES
from rinzler.conformance.run import run_case
from rinzler.ops import Array, Device, call
from rinzler_vulkan import activation, loss, movement, normalization, random, sums, update
from rinzler_vulkan.backend import VulkanBackend
from rinzler_vulkan.call import as_list
from rinzler_vulkan.rows import along_rows, down_columns, invocations

FAMILIES = (activation, loss, normalization, random, sums, update)
KERNELS = {op: kernel for family in FAMILIES for op, kernel in family.KERNELS.items()}
SHARED = [case for case in CASES if case.op in KERNELS]


@pytest.fixture(scope="module")
def tiled(driver: None) -> Iterator[Any]:
    """A device where invocations share rows, through shared memory and barriers."""
    made = VulkanBackend(settings(without=frozenset({"barrier_free"})))
    yield made
    made.close()
    assert not made.instance.messages


@pytest.mark.parametrize("case", SHARED, ids=lambda case: case.id)
def test_kernels_whose_invocations_share_rows(tiled: Any, case: Case) -> None:
    result = run_case(Device(tiled), case, "float32")
    assert result.ok, f"\n{result}"


def floats(device: Device, rng: np.random.Generator, *shape: int) -> Array:
    return device.array(rng.standard_normal(shape).astype(np.float32))


def row_ops(device: Device, rng: np.random.Generator) -> dict[str, tuple[list[Any], list[Any]]]:
    """Outputs with what they start from, and inputs, of many rows."""
    rows, cols, size = 1100, 12, 6000
    make = device.array
    x, g = floats(device, rng, rows, cols), floats(device, rng, rows, cols)
    w, b = floats(device, rng, cols), floats(device, rng, cols)
    mean, rstd = floats(device, rng, rows), make(rng.uniform(0.5, 2, rows).astype(np.float32))
    targets = make(rng.integers(0, cols, rows).astype(np.int32))
    one = make(np.array(0.7, np.float32))
    matrix, column, row, scalar = ((rows, cols), (rows,), (cols,), ())
    p, m, v = (make(abs(rng.standard_normal(size)).astype(np.float32)) for _ in range(3))
    hyper = make(np.array([1e-3, 0.9, 0.99, 1e-8, 0.1, 0.5, 0.4], np.float32))
    fresh: Callable[..., Array] = lambda shape: device.full(shape, np.nan, "float32")  # noqa: E731
    return {
        "gelu": ([fresh(matrix)], [x]),
        "gelu_bwd": ([fresh(matrix)], [x, g]),
        "relu": ([fresh(matrix)], [x]),
        "softmax": ([fresh(matrix)], [x]),
        "softmax_bwd": ([fresh(matrix)], [x, g]),
        "log_softmax": ([fresh(matrix)], [x]),
        "log_softmax_bwd": ([fresh(matrix)], [x, g]),
        "layer_norm": ([fresh(matrix), fresh(column), fresh(column)], [x, w, b]),
        "layer_norm_bwd": ([fresh(matrix), w, b], [x, make(w.numpy()), mean, rstd, g]),
        "cross_entropy": ([fresh(scalar), fresh(column)], [x, targets]),
        "cross_entropy_bwd": ([fresh(matrix)], [x, targets, mean, one]),
        "sum_cols": ([fresh(row)], [x]),
        "sumsq": ([fresh(scalar)], [p]),
        "adamw": ([p, m, v], [floats(device, rng, size), hyper, one, one]),
        "random_uniform": ([fresh((size,))], [make(np.array([1, 2, 3, 4], np.int32))]),
    }


ATTRS: dict[str, dict[str, Any]] = {
    "layer_norm": {"eps": 1e-5},
    "random_uniform": {"shape": (6000,), "dtype": "float32", "site": 9},
}


@pytest.mark.parametrize("without", [frozenset(), frozenset({"barrier_free"})], ids=["", "tiled"])
@pytest.mark.parametrize("op", sorted(KERNELS))
def test_matrices_past_the_range_are_taken_in_pieces(
    device: Device,
    backend: Any,
    op: str,
    without: frozenset[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """12 KiB at a time: 256 rows of 12 columns, so 1100 rows are five pieces, the last a short one.

    The same bits, because pieces begin where blocks and segments do.
    """
    monkeypatch.setattr(sums, "LANE_SEGMENT", 4)
    monkeypatch.setattr(sums, "LONE_SEGMENT", 1024)
    caps = replace(backend.device.caps, barrier_free=not without)
    small = replace(caps, max_range=256 * 12 * 4)
    attrs, found = ATTRS.get(op, {}), []
    counts = []
    for each in (caps, small):
        outs, ins = row_ops(device, np.random.default_rng(7))[op]
        calls = as_list(KERNELS[op](each, *(x.handle for x in (*outs, *ins)), **attrs))
        backend.recorder.run(op, calls)
        found.append([x.numpy() for x in outs])
        counts.append(len(calls))
    assert counts[1] > counts[0]
    for whole, parts in zip(*found, strict=True):
        assert np.isfinite(whole).all()
        assert (parts == whole).all()


@pytest.mark.parametrize("without", [frozenset(), frozenset({"barrier_free"})], ids=["", "tiled"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((33, 31), (1, 0)),  # nothing is a whole tile
        ((40, 72), (1, 0)),
        ((3, 36, 68), (0, 2, 1)),
        ((5, 17, 100), (0, 2, 1)),
        ((36, 3, 20), (2, 1, 0)),
        ((2, 7, 16, 8), (0, 2, 1, 3)),  # whole fours move together
        ((2, 7, 16, 3), (0, 2, 1, 3)),
        ((16, 16, 16), (1, 2, 0)),
    ],
)
def test_permuted_axes(
    tiled: Any, backend: Any, without: frozenset[str], shape: tuple[int, ...], axes: Any
) -> None:
    device = Device(tiled if without else backend)
    host = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    y = call("permute", device.array(host), axes=axes)
    assert (y.numpy() == host.transpose(axes)).all()
    part = tuple(max(n - 1, 1) for n in shape)  # strides and offsets that are no whole fours
    starts = tuple(n - k for n, k in zip(shape, part, strict=True))
    cut = call(
        "slice", y, starts=tuple(starts[a] for a in axes), shape=tuple(part[a] for a in axes)
    )
    inner = host[tuple(slice(start, None) for start in starts)]
    assert (cut.numpy() == inner.transpose(axes)).all()


def test_a_move_is_described_by_what_it_needs() -> None:
    software: Any = SimpleNamespace(barrier_free=True)
    gpu: Any = SimpleNamespace(barrier_free=False)
    axes = [(40, 72, 1), (72, 1, 40)]
    assert movement.exchanged(software, axes, 0, 0)[:2] == ("transpose_fours", (2, 10, 1))
    assert movement.exchanged(gpu, axes, 0, 0)[:2] == ("transpose", (3, 2, 1))
    assert movement.exchanged(software, axes, 0, 2) is None
    assert movement.exchanged(gpu, [(8, 72, 1), (72, 1, 8)], 0, 0) is None
    assert movement.exchanged(gpu, [(40, 72, 2), (72, 1, 80)], 0, 0) is None
    together = movement.fours([(5, 16, 0), (16, 1, 1)], 4, 8)
    assert together == {"RANK": 2, "FOURS": True, "OUT_TOGETHER": True, "X_TOGETHER": True}
    assert not movement.fours([(5, 16, 3), (16, 1, 1)], 4, 8)["X_TOGETHER"]
    assert not movement.fours([(5, 16, 3), (16, 1, 1)], 2, 8)["OUT_TOGETHER"]
    assert not movement.fours([(5, 15, 3), (15, 1, 1)], 0, 0)["FOURS"]
    assert not movement.fours([], 0, 0)["FOURS"]


@pytest.mark.parametrize("most", [128, 200, 256, 1024])
def test_workgroups_fit_the_device(most: int) -> None:
    caps: Any = SimpleNamespace(barrier_free=False, max_invocations=most)
    size = invocations(caps)
    assert size == {128: 128, 200: 128, 256: 256, 1024: 256}[most]
    for cols in (1, 7, 64, 768, 50257):
        grid, spec = along_rows(caps, 1000, cols)
        assert spec["LOCAL_X"] == size
        assert size % spec["LANES"] == 0
        assert grid[0] * grid[1] * size // spec["LANES"] >= 1000
        grid, spec = down_columns(caps, 1000, cols)
        assert grid[0] * 4 * (size // spec["SLICES"]) >= cols
        assert grid[1] == 4


def test_a_step_that_must_not_happen_leaves_every_bit(device: Device, backend: Any) -> None:
    """ok is 0: nothing is written, so also a NaN stays the NaN that it was."""
    bits = np.array([0x7FC12345, 0x00000001, 0x80000000, 0x3F800000, 0xFF800000], np.uint32)
    host = bits.view(np.float32)
    p, m, v, g = (device.array(host) for _ in range(4))
    hyper = device.array(np.full(7, 0.5, np.float32))
    scale, ok = device.array(np.array(np.nan, np.float32)), device.array(np.array(-0.0, np.float32))
    call("adamw", g, hyper, scale, ok, out=(p, m, v))
    for x in (p, m, v):
        assert (x.numpy().view(np.uint32) == bits).all()


@pytest.mark.parametrize("without", [frozenset(), frozenset({"barrier_free"})], ids=["", "tiled"])
def test_rows_that_are_not_numbers_stay_that(
    tiled: Any, backend: Any, without: frozenset[str]
) -> None:
    """NaN anywhere, infinity, or nothing but −∞: NaN in that row and in no other."""
    device = Device(tiled if without else backend)
    host = np.random.default_rng(3).standard_normal((41, 37)).astype(np.float32)
    host[np.arange(37), np.arange(37)] = np.nan
    host[37] = -np.inf
    host[38, 5] = np.inf
    good = [39, 40]
    host[39, :36] = -np.inf
    x = device.array(host)
    targets = device.array(np.full(41, 36, np.int32))
    results = [call("softmax", x), call("log_softmax", x), call("cross_entropy", x, targets)[1]]
    for result in results:
        y = result.numpy().reshape(41, -1)
        assert np.isnan(y[:39]).all(axis=1)[:38].all()
        assert np.isnan(y[38]).any()
        assert not np.isnan(y[good]).any()
    assert results[0].numpy()[39, 36] == 1

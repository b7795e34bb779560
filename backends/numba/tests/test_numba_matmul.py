"""Matrix products: any shape, any cut into blocks, any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rinzler.ops import Device, call
from rinzler_numba import product
from rinzler_numba.compiling import kernel
from rinzler_numba.lanes import LANES
from rinzler_numba.launcher import run as run_now
from rinzler_numba.microkernel import COLUMNS, ROWS

F32 = np.float32
EPS = float(np.finfo(F32).eps)
# (m, k, n): one element, edges of tiles, tall, wide, deep, and few rows as in generation
SHAPES = [
    (1, 1, 1),
    (1, 64, 192),
    (2, 33, 65),
    (4, 129, 1000),
    (5, 7, 3),
    (33, 31, 17),
    (129, 64, 257),
    (1025, 65, 63),
    (63, 64, 1025),
    (64, 2049, 65),
]


def bound(a: np.ndarray, b: np.ndarray, k: int) -> np.ndarray:
    """The worst a sum of k products can be off, element by element (Higham 2002, section 3.1)."""
    return (k + 2) * EPS * (np.abs(a) @ np.abs(b)) + 1e-30


def run(device: Device, op: str, *hosts: np.ndarray | None, out: Any = None, **attrs: Any) -> Any:
    ins = [None if host is None else device.array(host) for host in hosts]
    return call(op, *ins, out=out, **attrs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("flags", [(0, 0), (1, 0), (0, 1), (1, 1)], ids=["nn", "tn", "nt", "tt"])
@pytest.mark.parametrize("accumulate", [False, True], ids=["write", "add"])
def test_every_cut_computes_the_product(
    device: Device, rng: np.random.Generator, shape: Any, flags: Any, accumulate: bool
) -> None:
    m, k, n = shape
    ta, tb = map(bool, flags)
    a, b = rng.normal(size=(m, k)).astype(F32), rng.normal(size=(k, n)).astype(F32)
    start = rng.normal(size=(m, n)).astype(F32)
    out = device.array(start)
    stored = np.ascontiguousarray(a.T) if ta else a, np.ascontiguousarray(b.T) if tb else b
    run(device, "matmul", *stored, out=out, ta=ta, tb=tb, accumulate=accumulate)
    expected = a.astype("f8") @ b.astype("f8") + (start if accumulate else 0.0)
    slack = bound(a, b, k) + (EPS * np.abs(expected) if accumulate else 0.0)
    assert (np.abs(out.numpy() - expected) <= slack).all()


def test_a_batch_is_its_products(device: Device, rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(5, 130, 33)).astype(F32), rng.normal(size=(5, 33, 70)).astype(F32)
    attrs = {"ta": False, "tb": False, "accumulate": False}
    whole = run(device, "matmul", a, b, **attrs).numpy()
    for item in range(5):
        assert np.array_equal(whole[item], run(device, "matmul", a[item], b[item], **attrs).numpy())


def test_nan_and_inf_arrive(device: Device) -> None:
    a = np.ones((70, 40), F32)
    a[3, 5], a[4, 5] = np.nan, np.inf
    b = np.ones((40, 70), F32)
    y = run(device, "matmul", a, b, ta=False, tb=False, accumulate=False).numpy()
    assert np.isnan(y[3]).all()
    assert np.isposinf(y[4]).all()
    assert (np.delete(y, (3, 4), axis=0) == 40.0).all()


@pytest.mark.parametrize("shape", [s for s in SHAPES if s[0] > 4], ids=str)
def test_how_a_product_is_cut_changes_no_bit(
    device: Device, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, shape: Any
) -> None:
    m, k, n = shape
    a, b = rng.normal(size=(m, k)).astype(F32), rng.normal(size=(k, n)).astype(F32)
    attrs = {"ta": False, "tb": False, "accumulate": False}
    results = []
    for flops in (1, 100_000, 10**12):
        monkeypatch.setattr(product, "BLOCK_FLOPS", flops)
        results.append(run(device, "matmul", a, b, **attrs).numpy())
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_cut_covers_the_result_once(shape: Any) -> None:
    m, k, n = shape
    down, across = product.cut(m, n, k)
    seen = np.zeros((m, n), int)
    for block in range(down * across):
        top, bottom, left, right = product.part(m, n, block, down, across)
        seen[top:bottom, left:right] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("rows", range(1, ROWS + 2))
@pytest.mark.parametrize("columns", [1, LANES - 1, LANES, LANES + 1, COLUMNS - 1, COLUMNS + 1])
def test_nothing_beside_a_tile_is_read_or_written(
    device: Device, rng: np.random.Generator, rows: int, columns: int
) -> None:
    """NaN lies around both operands, and a mark around the result."""
    depth, gap = 5, 3
    a = np.full((rows, depth + gap), np.nan, F32)
    b = np.full((depth, columns + gap), np.nan, F32)
    a[:, :depth] = rng.normal(size=(rows, depth))
    b[:, :columns] = rng.normal(size=(depth, columns))
    c = np.full((rows + 1, columns + gap), 7.0, F32)
    sizes = (rows, columns, depth, a.strides[0], b.strides[0], c.strides[0])
    run_now(_strided(a.ctypes.data, b.ctypes.data, c.ctypes.data, *sizes))
    exact = a[:, :depth].astype("f8") @ b[:, :columns]
    slack = bound(a[:, :depth], b[:, :columns], depth)
    assert (np.abs(c[:rows, :columns] - exact) <= slack).all()
    assert (c[rows:] == 7.0).all()
    assert (c[:, columns:] == 7.0).all()


@kernel
def _strided(args: Any, block: int, blocks: int) -> None:
    """A product whose rows lie further apart than they are long."""
    product.product(
        args[3], args[4], args[5], args[0], args[6], 4, args[1], args[7], 0, 0, args[2], args[8]
    )


@pytest.mark.parametrize("op", ["linear", "linear_gelu", "linear_bwd", "matmul"])
def test_bits_do_not_depend_on_the_number_of_threads(
    device: Device, rng: np.random.Generator, op: str
) -> None:
    m, k, n = 1024, 96, 200
    x, w = rng.normal(size=(m, k)).astype(F32), rng.normal(size=(k, n)).astype(F32)
    b, g = rng.normal(size=n).astype(F32), rng.normal(size=(m, n)).astype(F32)

    def once() -> list[np.ndarray]:
        if op == "matmul":
            outs: Any = run(device, op, x, w, ta=False, tb=False, accumulate=False)
        elif op == "linear_bwd":
            slots = (None, device.full((k, n), 0.5, "float32"), device.full((n,), 0.5, "float32"))
            outs = run(device, op, x, w, g, out=slots)
        else:
            outs = run(device, op, x, w, b)
        outs = outs if isinstance(outs, tuple) else (outs,)
        return [out.numpy() for out in outs]

    try:
        device.backend.set_threads(1)
        alone = once()
    finally:
        device.backend.set_threads(2)
    for _ in range(5):
        together = once()
        assert all(np.array_equal(p, q) for p, q in zip(alone, together, strict=True))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 16, 40), (257, 33, 65), (1030, 70, 130)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_and_its_gradient(
    device: Device, rng: np.random.Generator, shape: Any, bias: bool
) -> None:
    m, k, n = shape
    x, w = rng.normal(size=(m, k)).astype(F32), rng.normal(size=(k, n)).astype(F32)
    b = rng.normal(size=n).astype(F32) if bias else None
    g = rng.normal(size=(m, n)).astype(F32)
    y = run(device, "linear", x, w, b).numpy()
    exact = x.astype("f8") @ w + (0.0 if b is None else b)
    assert (np.abs(y - exact) <= bound(x, w, k) + 2 * EPS * np.abs(exact)).all()

    dw0, db0 = rng.normal(size=(k, n)).astype(F32), rng.normal(size=n).astype(F32)
    slots = (None, device.array(dw0), device.array(db0) if bias else None)
    dx, dw, db = run(device, "linear_bwd", x, w, g, out=slots)
    assert (np.abs(dx.numpy() - g.astype("f8") @ w.T) <= bound(g, w.T, n)).all()
    slack = bound(x.T, g, m) + EPS * np.abs(dw0)
    assert (np.abs(dw.numpy() - (x.T.astype("f8") @ g + dw0)) <= slack + EPS).all()
    if bias:
        slack = (m + 2) * EPS * np.abs(g).sum(axis=0) + EPS * np.abs(db0)
        assert (np.abs(db.numpy() - (g.astype("f8").sum(axis=0) + db0)) <= slack).all()


def test_a_long_column_of_equal_numbers_keeps_its_digits(device: Device) -> None:
    """db adds N rows: one after the other, float32 loses digits that sums of groups keep."""
    rows = 65536
    x, w = np.zeros((rows, 1), F32), np.zeros((1, 3), F32)
    g = np.full((rows, 3), 0.1, F32)
    slots = (None, device.full((1, 3), 0.0, "float32"), device.full((3,), 0.0, "float32"))
    _, _, db = run(device, "linear_bwd", x, w, g, out=slots)
    exact = rows * float(F32(0.1))
    assert np.abs(db.numpy() / exact - 1.0).max() <= 2 * rows**0.5 * EPS

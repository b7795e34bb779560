"""Work on several threads: the same bits as on one, errors that come through, life after a fork."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from rinzler.errors import BackendError
from rinzler.ops import Backend
from rinzler_numpy.backend import NumpyBackend
from rinzler_numpy.workers import Workers, product, usable_cores, workers


@pytest.fixture(autouse=True)
def _as_many_as_before() -> object:
    before = workers.count
    yield
    workers.resize(before)


SHAPES = [(1, 1, 1), (7, 300, 5), (1024, 64, 192), (64, 1024, 1000), (513, 511, 129)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_products_have_the_same_bits_on_any_number_of_threads(
    shape: tuple[int, int, int], transposed: bool
) -> None:
    m, k, n = shape
    rng = np.random.default_rng(1)
    a = rng.normal(size=(k, m) if transposed else (m, k)).astype(np.float32)
    b = rng.normal(size=(k, n)).astype(np.float32)
    results = []
    for count in (1, 2, 3, 8):
        workers.resize(count)
        out = np.full((m, n), np.nan, np.float32)
        product(a.T if transposed else a, b, out)
        results.append(out)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    exact = (a.T if transposed else a).astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(results[0], exact, rtol=1e-4, atol=1e-4 * np.sqrt(k))


def test_batches_are_cut_along_the_batch() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(5, 120, 90)), rng.normal(size=(5, 90, 110))
    out = np.full((5, 120, 110), np.nan)
    product(a, b, out)
    np.testing.assert_allclose(out, a @ b, rtol=1e-12, atol=1e-12)


def test_every_block_is_done_once_and_errors_come_through() -> None:
    pool = Workers()
    pool.resize(4)
    done: list[int] = []
    pool.each(done.append, range(100))
    assert sorted(done) == list(range(100))

    def fail(block: int) -> None:
        if block == 57:
            raise ValueError("block 57")

    with pytest.raises(ValueError, match="block 57"):
        pool.each(fail, range(100))
    pool.each(done.append, [1])
    pool.resize(1)


def test_several_python_threads_may_call_at_once() -> None:
    workers.resize(3)
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(600, 300)), rng.normal(size=(300, 400))
    expected = np.empty((600, 400))
    product(a, b, expected)
    wrong: list[int] = []

    def run(number: int) -> None:
        for _ in range(10):
            out = np.empty((600, 400))
            product(a, b, out)
            if not np.array_equal(out, expected):
                wrong.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not wrong


def test_a_pool_starts_anew_after_a_fork() -> None:
    pool = Workers()
    pool.resize(2)
    pool.each(lambda block: None, range(4))
    assert pool.pool is not None
    pool.forget()  # what the child does first
    assert pool.pool is None
    pool.each(lambda block: None, range(4))


def test_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert usable_cores() == 3
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert usable_cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_an_open_backend_holds_blas_to_one_thread() -> None:
    backend = NumpyBackend()
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} <= {1}
    backend.set_threads(2)
    assert workers.count == 2


def test_a_backend_without_threads_says_so() -> None:
    class Plain(NumpyBackend):
        set_threads = Backend.set_threads

    with pytest.raises(BackendError, match="no threads to set: leave --threads out"):
        Plain().set_threads(2)

"""What `rinzler doctor` shows of the numpy backend: threads, BLAS, and a pin that costs."""

from __future__ import annotations

from typing import Any

import pytest

from rinzler_numpy import facts
from rinzler_numpy.backend import NumpyBackend
from rinzler_numpy.workers import workers


def library(**changed: Any) -> dict[str, Any]:
    """What threadpoolctl tells of a BLAS."""
    known = {
        "user_api": "blas",
        "internal_api": "openblas",
        "version": "0.3.31",
        "architecture": "Haswell",
        "filepath": "/site-packages/numpy.libs/libscipy_openblas64_.so",
    }
    return known | changed


def told(monkeypatch: pytest.MonkeyPatch, *libraries: dict[str, Any]) -> list[tuple[str, str]]:
    monkeypatch.setattr(facts, "threadpool_info", lambda: list(libraries))
    return [(fact.value, fact.advice) for fact in NumpyBackend().facts()[1:]]


def test_the_blas_of_this_process() -> None:
    threads, *products = NumpyBackend().facts()
    assert threads.name == "threads"
    assert threads.value.startswith(str(workers.count))
    for fact in products:
        assert fact.name == "products"
        assert " kernels" in fact.value


def test_threads_that_the_environment_asks_for_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert NumpyBackend().facts()[0].value.endswith(", OMP_NUM_THREADS=7")


def test_numpy_has_its_own_blas_and_others_are_not_its_business(monkeypatch) -> None:
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    other = library(version="9.9", filepath="/lib/libopenblas.so")
    assert told(monkeypatch, other, library()) == [("openblas 0.3.31, Haswell kernels", "")]
    assert told(monkeypatch, other) == [("openblas 9.9, Haswell kernels", "")]
    threads = {"user_api": "openmp", "internal_api": "openmp"}
    assert told(monkeypatch, threads) == []


@pytest.mark.parametrize(("kernels", "advised"), [("Haswell", True), ("SkylakeX", False)])
def test_a_pin_is_named(kernels: str, advised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", kernels)
    ((value, advice),) = told(monkeypatch, library(architecture=kernels))
    assert value == f"openblas 0.3.31, {kernels} kernels (OPENBLAS_CORETYPE={kernels})"
    assert advice.startswith("OPENBLAS_CORETYPE pins") == advised
    mkl = library(internal_api="mkl")
    del mkl["architecture"]
    assert told(monkeypatch, mkl) == [("mkl 0.3.31, unknown kernels", "")]


def test_bits_depend_on_the_kernels_and_on_no_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = NumpyBackend()
    before = backend.numerics()
    assert before["products"].endswith(" kernels")
    assert before["vectors"]
    count = workers.count
    backend.set_threads(count + 1)
    assert backend.numerics() == before
    backend.set_threads(count)
    monkeypatch.setattr(facts, "threadpool_info", lambda: [library(architecture="Zen5")])
    assert backend.numerics() == before | {"products": "openblas 0.3.31, Zen5 kernels"}

"""Elementwise kernels: lengths around vectors and blocks, the ends of each range, in place."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from rinzler.conformance.case import case, every, floats, integers, mask, normal, positive
from rinzler.conformance.run import run_case
from rinzler.ops import Device, call
from rinzler_numba.elementwise import KERNELS

LENGTHS = [2, 15, 17, 63, 65, 255, 257, 511, 513, 8193, 16385, 100_003]
BINARY = ["add", "sub", "mul", "div", "maximum", "less"]
UNARY = ["exp", "log", "sqrt", "tanh", "relu"]
POSITIVE = ["log", "sqrt"]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("op", BINARY)
def test_binary_lengths(device: Device, op: str, n: int) -> None:
    """Within the bounds of the shared cases, fences untouched, fresh and over each operand."""
    assert device.backend.kernels[op] is KERNELS[op]
    for shape in ((n,), (1,)):
        result = run_case(device, case(op, f"n{n}", floats((n,)), floats(shape)), "float32")
        assert result.ok, str(result)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("op", UNARY)
def test_unary_lengths(device: Device, op: str, n: int) -> None:
    values = positive if op in POSITIVE else normal(3.0)
    result = run_case(device, case(op, f"n{n}", floats((n,), values)), "float32")
    assert result.ok, str(result)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("one_a", [False, True])
@pytest.mark.parametrize("one_b", [False, True])
def test_where_lengths(device: Device, n: int, one_a: bool, one_b: bool) -> None:
    a, b = floats((1,) if one_a else (n,)), floats(() if one_b else (n,))
    result = run_case(device, case("where", f"n{n}", floats((n,), mask), a, b), "float32")
    assert result.ok, str(result)


@pytest.mark.parametrize("value", [0.1, -0.0, inf, nan, 1e39, 3])
@pytest.mark.parametrize("n", LENGTHS)
def test_fill_lengths(device: Device, n: int, value: float) -> None:
    out = floats((n,), every(0.5))
    if value != 1e39:  # the oracle has no word for it: float64 holds it
        assert run_case(device, case("fill", f"n{n}", reads={0: out}, value=value), "float32").ok
    with np.errstate(over="ignore"):
        expected = np.full(n, value, "float64").astype("float32")
    assert device.full((n,), value, "float32").numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("value", [0, -1, 2**31 - 1, -(2**31), 7.0])
def test_fill_of_whole_numbers(device: Device, value: float) -> None:
    out = integers((8193,), every(5))
    assert run_case(device, case("fill", f"{value}", reads={0: out}, value=value), "float32").ok


# --- accuracy ---------------------------------------------------------------------------------


def in_last_places(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Distance in units of the last place of the right answer, rounded to float32."""
    with np.errstate(over="ignore"):
        nearest = want.astype("float32")
    finite = np.isfinite(nearest)
    np.testing.assert_array_equal(got[~finite], nearest[~finite])
    return abs(got[finite] - want[finite]) / np.spacing(abs(nearest[finite]))


def all_over(rng: np.random.Generator, n: int) -> np.ndarray:
    """Numbers of every exponent and both signs, denormal ones too, infinities and NaN."""
    return rng.integers(0, 2**32, n, dtype=np.uint32).view("float32")


@pytest.mark.parametrize(
    ("op", "low", "high", "places"),
    [
        ("exp", -104.0, 89.0, 1.5),  # 0, denormal, normal, inf
        ("log", 0.25, 4.0, 1.5),  # through 1, where the logarithm is 0
        ("tanh", -10.0, 10.0, 3.5),
        ("tanh", -0.624, 0.624, 1.5),  # as far as the polynomial goes
        ("sqrt", 0.0, 9.0, 0.51),
    ],
)
def test_accuracy_over_a_range(
    device: Device, op: str, low: float, high: float, places: float
) -> None:
    x = np.linspace(low, high, 1_000_003).astype("float32")
    with np.errstate(divide="ignore"):
        expected = getattr(np, op)(x.astype("float64"))
    assert in_last_places(call(op, device.array(x)).numpy(), expected).max() < places


@pytest.mark.parametrize(
    ("op", "places"), [("exp", 1.5), ("log", 2), ("tanh", 3.5), ("sqrt", 0.51)]
)
def test_accuracy_of_any_number(
    device: Device, rng: np.random.Generator, op: str, places: float
) -> None:
    x = all_over(rng, 1_000_003)
    with np.errstate(all="ignore"):
        expected = getattr(np, op)(x.astype("float64"))
    assert in_last_places(call(op, device.array(x)).numpy(), expected).max() < places


@pytest.mark.parametrize("op", BINARY)
def test_any_pair_of_numbers(device: Device, rng: np.random.Generator, op: str) -> None:
    """Bit for bit what numpy gives, but for a division, which may be a reciprocal and a product."""
    a, b = all_over(rng, 100_003), all_over(rng, 100_003)
    b[::7] = a[::7]
    name = {"sub": "subtract", "mul": "multiply", "div": "divide"}.get(op, op)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a, b).astype("float32")
    got = call(op, device.array(a), device.array(b)).numpy()
    np.testing.assert_allclose(got, expected, rtol=3e-7 if op == "div" else 0, atol=2e-38)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nan_of_either_sign_stays(device: Device, sign: float) -> None:
    x = np.linspace(-2, 2, 257).astype("float32")
    x[100] = np.copysign(nan, sign)
    for op in UNARY:
        assert np.isnan(call(op, device.array(x)).numpy()[100]), op
    one = device.full((), 1.0, "float32")
    for op in ("add", "sub", "mul", "div", "maximum"):
        assert np.isnan(call(op, device.array(x), one).numpy()[100]), op
    poison = device.array(np.array(np.copysign(nan, sign), "float32"))
    assert np.isnan(call("maximum", device.array(x), poison).numpy()).all()
    assert not call("less", device.array(x), poison).numpy().any()


# --- what results depend on -------------------------------------------------------------------


@pytest.mark.parametrize("op", [*BINARY, *UNARY, "where"])
def test_bits_do_not_depend_on_threads(
    device: Device,
    rng: np.random.Generator,
    on_threads: Callable[..., list[list[bytes]]],
    op: str,
) -> None:
    count = 1 if op in UNARY else 3 if op == "where" else 2
    ins = [device.array(abs(rng.standard_normal(200_003)).astype("float32")) for _ in range(count)]
    first, *others = on_threads(lambda: [call(op, *ins)])
    assert all(other == first for other in others)


PROGRAM = """
import numpy as np
from rinzler.ops import Device, call
from rinzler_numba.backend import NumbaBackend
device = Device(NumbaBackend())
a, b = (device.full((3,), value, "float32") for value in (8.0, 2.0))
print([call(op, a, b).numpy().tolist()[0] for op in ("add", "sub", "mul", "div")])
print([round(call(op, b).numpy().tolist()[0], 3) for op in ("exp", "log")])
"""


def test_kernels_of_one_loop_are_kept_apart_on_disk(tmp_path: Path) -> None:
    """They differ in a formula only; a second process must find each, and find the right one."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = []
    for _ in range(2):
        command = [sys.executable, "-c", PROGRAM]
        run = subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", check=True
        )
        assert run.stdout.split("\n")[:2] == ["[10.0, 6.0, 16.0, 4.0]", "[7.389, 0.693]"]
        runs.append(run.stderr)
    assert "compiling" in runs[0]
    assert "compiling" not in runs[1]

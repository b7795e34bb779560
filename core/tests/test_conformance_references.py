"""The references of the oracle, against definitions in loops, fifty digits, and slopes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext

import numpy as np
import pytest

from rinzler.conformance.bounded import PRECISIONS, Bounded, plain
from rinzler.conformance.oracle import REFERENCES
from rinzler.conformance.reference.update import philox


def exact(values: object) -> Bounded:
    return Bounded.exact(values, PRECISIONS["float64"])


def test_philox_matches_the_published_vectors() -> None:
    """Random123, kat_vectors, philox 4x32 10: counter, key and the four words that come out."""
    assert philox(0, 0, [0, 0, 0, 0]) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 2**32 - 1
    expected_words = [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    assert philox(ones, ones, [ones] * 4) == expected_words


def decimal_softmax(row: list[float]) -> list[Decimal]:
    getcontext().prec = 50
    powers = [Decimal(x).exp() for x in row]
    return [power / sum(powers) for power in powers]


def test_softmax_and_its_logarithm_match_fifty_digits() -> None:
    x = np.random.default_rng(5).standard_normal((3, 7)) * 3
    with np.errstate(all="ignore"):
        (y,) = REFERENCES["softmax"]((), exact(x))
        (log_y,) = REFERENCES["log_softmax"]((), exact(x))
    for k, row in enumerate(x.tolist()):
        true = decimal_softmax(row)
        assert y.value[k].tolist() == pytest.approx([float(p) for p in true], rel=1e-14)
        assert log_y.value[k].tolist() == pytest.approx([float(p.ln()) for p in true], rel=1e-14)


def test_gelu_keeps_its_digits_where_one_plus_tanh_cancels() -> None:
    """½·(1 + tanh u) is e^(2u)/(e^(2u) + 1), here in fifty digits; a 0 is allowed, too."""
    x = np.array([-6.0, -8.5, -10.0, 9.0])
    y = REFERENCES["gelu"]((), Bounded.exact(x, PRECISIONS["float32"]))[0]
    getcontext().prec = 50
    scale = (2 / Decimal("3.14159265358979323846264338327950288419716939937511")).sqrt()
    for k, number in enumerate(x.tolist()):
        wide = Decimal(number)
        power = (2 * scale * (wide + Decimal("0.044715") * wide**3)).exp()
        assert y.value[k] == pytest.approx(float(wide * power / (power + 1)), rel=1e-12)
    assert (abs(y.value[:3]) <= y.error[:3]).all()
    assert (y.error[1:3] < 1e-14).all()  # and nothing else is


def test_attention_is_a_mean_of_values_one_position_at_a_time() -> None:
    """The definition in loops: position t asks, positions 0 to t answer."""
    b, t, h, d = 2, 5, 3, 7
    packed = np.random.default_rng(6).standard_normal((b, t, 3 * h * d))
    y, lse = REFERENCES["attention"]((), exact(packed), heads=h)
    q, k, v = np.split(packed.reshape(b, t, 3 * h, d), 3, axis=2)
    for batch, now, head in np.ndindex(b, t, h):
        scores = k[batch, : now + 1, head] @ q[batch, now, head] / np.sqrt(d)
        weights = np.exp(scores) / np.exp(scores).sum()
        mean = weights @ v[batch, : now + 1, head]
        assert y.value[batch, now, head * d : (head + 1) * d] == pytest.approx(mean, rel=1e-12)
        assert lse.value[batch, head, now] == pytest.approx(np.log(np.exp(scores).sum()), rel=1e-12)


def differences(formula: Callable[..., np.ndarray], at: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Central differences of Σ g·formula(at), of fourth order: errors of 1e-10 or so."""
    slope = np.zeros(at.shape)
    h = 1e-3
    for index in np.ndindex(at.shape):
        for steps, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            moved = at.copy()
            moved[index] += steps * h
            slope[index] += weight * (formula(moved) * g).sum() / (12 * h)
    return slope


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(list(shape)).standard_normal(shape)


def run_reference(op: str, *ins: object, outs: tuple = (), **attrs: object) -> list[np.ndarray]:
    exacts = [None if x is None else x if x.dtype.kind == "i" else exact(x) for x in ins]
    with np.errstate(all="ignore"):
        return [plain(y) for y in REFERENCES[op](outs, *exacts, **attrs)]


@pytest.mark.parametrize("op", ["gelu", "softmax", "log_softmax"])
def test_backward_references_are_the_slopes_of_the_forward_ones(op: str) -> None:
    x, g = normal(5, 7), normal(7, 5).T
    (y,) = run_reference(op, x)
    (dx,) = run_reference(f"{op}_bwd", x if op == "gelu" else y, g)
    assert dx == pytest.approx(differences(lambda z: run_reference(op, z)[0], x, g), abs=1e-8)


def test_the_backward_reference_of_layer_norm() -> None:
    x, w, b, g = normal(3, 7), normal(7), normal(1, 7)[0], normal(7, 3).T
    y, mean, rstd = run_reference("layer_norm", x, w, b, eps=1e-5)
    start = (None, exact(np.full(7, 2.0)), exact(np.full(7, 3.0)))
    dx, dw, db = run_reference("layer_norm_bwd", x, w, mean, rstd, g, outs=start)

    def forward(*ins: np.ndarray) -> np.ndarray:
        return run_reference("layer_norm", *ins, eps=1e-5)[0]

    assert dx == pytest.approx(differences(lambda z: forward(z, w, b), x, g), abs=1e-8)
    assert dw - 2.0 == pytest.approx(differences(lambda z: forward(x, z, b), w, g), abs=1e-8)
    assert db - 3.0 == pytest.approx(differences(lambda z: forward(x, w, z), b, g), abs=1e-8)
    assert y.shape == x.shape


def test_the_backward_reference_of_linear() -> None:
    x, w, b, g = normal(3, 7), normal(7, 5), normal(5), normal(3, 5)
    start = (None, exact(np.full((7, 5), 2.0)), exact(np.full(5, 3.0)))
    dx, dw, db = run_reference("linear_bwd", x, w, g, outs=start)

    def forward(*ins: np.ndarray) -> np.ndarray:
        return run_reference("linear", *ins)[0]

    assert dx == pytest.approx(differences(lambda z: forward(z, w, b), x, g), abs=1e-8)
    assert dw - 2.0 == pytest.approx(differences(lambda z: forward(x, z, b), w, g), abs=1e-8)
    assert db - 3.0 == pytest.approx(differences(lambda z: forward(x, w, z), b, g), abs=1e-8)


def test_the_backward_reference_of_cross_entropy() -> None:
    logits, targets, g = normal(5, 7), np.array([0, 6, 3, 3, 1]), np.array(-1.7)
    _, lse = run_reference("cross_entropy", logits, targets)
    (dz,) = run_reference("cross_entropy_bwd", logits, targets, lse, g)
    slope = differences(lambda z: run_reference("cross_entropy", z, targets)[0], logits, g)
    assert dz == pytest.approx(slope, abs=1e-8)


def test_the_backward_reference_of_attention() -> None:
    qkv, g = normal(2, 5, 3 * 2 * 3), normal(2, 5, 2 * 3)
    y, lse = run_reference("attention", qkv, heads=2)
    (dqkv,) = run_reference("attention_bwd", qkv, y, lse, g, heads=2)
    slope = differences(lambda z: run_reference("attention", z, heads=2)[0], qkv, g)
    assert dqkv == pytest.approx(slope, abs=1e-8)
